"""Media: what an input of a model is, and how ingestion finds, checks and stores it."""
