"""Energy of a model on analog hardware, and which of many models are worth measuring."""
