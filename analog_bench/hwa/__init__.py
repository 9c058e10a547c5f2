"""Hardware-aware training: digital models that learn to bear the noise of analog chips."""
