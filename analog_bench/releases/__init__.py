"""Releases of aihwkit side by side: an environment each, the same cases, what changed where."""
