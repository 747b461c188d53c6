"""The DuckDB file of results: tables, views, staged Parquet, ingest and read access."""
