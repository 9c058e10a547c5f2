"""Simulators of analog hardware. The only room that imports aihwkit."""
