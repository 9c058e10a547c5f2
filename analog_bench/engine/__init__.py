"""Runs cases: order, caching, seeds, batches."""
