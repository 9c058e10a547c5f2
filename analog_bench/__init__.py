"""A pytest-style robustness benchmark for language models on analog in-memory hardware."""
