"""Chips: layers under noise or on the tiles of a simulator that the caller passes in."""
