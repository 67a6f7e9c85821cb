"""What serves a bundle; needs numpy alone (pyarrow only where Parquet is read or written)."""
