"""A run as one page that opens anywhere: no network, no other file."""
