"""Tasks: data, tokenisation, batches, and scores of every example."""
