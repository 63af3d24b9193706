"""Configs of optimizers. Imports neither torch nor Ray."""
