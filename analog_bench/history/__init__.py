"""Many runs as one table: flattened, kept as Parquet, queried with DuckDB."""
