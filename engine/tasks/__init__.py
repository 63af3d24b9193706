"""Tasks: what a model learns to do."""
