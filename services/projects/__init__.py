"""Projects, which group a user's datasets, jobs and adapters."""
