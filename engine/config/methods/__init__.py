"""Configs of methods. Imports neither torch nor Ray."""
