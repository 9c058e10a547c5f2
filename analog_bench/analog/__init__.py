"""Chips: layers under noise or on a simulator's tiles. Which simulator is handed in from above."""
