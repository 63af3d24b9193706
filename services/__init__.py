"""User-facing services: the HTTP API on Ray Serve, the database, accounts, datasets, jobs, the CLI."""
