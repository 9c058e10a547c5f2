"""Hardware-aware training: digital models that learn to tolerate the noise of analog chips."""
