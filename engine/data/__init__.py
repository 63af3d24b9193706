"""Data: manifests, ingestion of archives and folders, splits, batching."""
