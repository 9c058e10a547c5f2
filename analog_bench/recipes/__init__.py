"""How the embedded models were trained: recipes that run again."""
