"""Tables with recordings in their rows: Parquet and Arrow."""
