"""What a model costs on analog hardware, and which of many models are worth measuring."""
