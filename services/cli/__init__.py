"""The `lim` command."""
