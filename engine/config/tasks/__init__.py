"""Configs of tasks, one module each. Imports neither torch nor Ray."""
