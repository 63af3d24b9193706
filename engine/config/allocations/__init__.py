"""Configs of rank allocations. Imports neither torch nor Ray."""
