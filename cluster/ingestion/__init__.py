"""From recordings somewhere to a dataset version in object storage."""
