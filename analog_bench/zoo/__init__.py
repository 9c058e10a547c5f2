"""Which models exist, where their weights come from, pinned revisions and hashes."""
