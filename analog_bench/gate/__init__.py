"""Turn measurements and a stored baseline into a verdict, with statistics as pure functions."""
