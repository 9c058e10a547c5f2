"""What a reader sees of a run: tables, the closing summary, pictures of them."""
