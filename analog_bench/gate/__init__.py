"""From measurements and a stored baseline to a verdict: statistics as pure functions."""
