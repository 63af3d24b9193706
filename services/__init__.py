"""What the outside talks to: the HTTP API on Ray Serve, the database, accounts, datasets, jobs, the CLI."""
