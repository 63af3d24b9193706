"""Configs: frozen pydantic models, YAML, overrides. Imports neither torch nor numpy nor Ray."""
