"""Pytest reads this before its options, so that `--noise` knows the noises of this project."""

import coarse_cells  # noqa: F401  (registers its noise)
