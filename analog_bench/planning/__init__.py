"""What a model costs on analog hardware: energy and latency."""
