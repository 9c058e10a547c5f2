"""The models and tiles of tests/analog."""

from tests.analog.conftest import bert, cpp, effective, gpt2, one_layer, tile

__all__ = ["bert", "cpp", "effective", "gpt2", "one_layer", "tile"]
