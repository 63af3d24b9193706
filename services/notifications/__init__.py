"""Notifications that a user's job, dataset or pipeline has ended: rows, a stream, webhooks."""
