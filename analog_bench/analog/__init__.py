"""Chips: layers on simulated crossbars or under noise. The only room that imports aihwkit."""
