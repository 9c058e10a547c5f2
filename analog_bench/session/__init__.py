"""One run: its settings, its cases, loaded models, data, and results as they come."""
