"""Named adapters, their versions, and the lineage of each version."""
