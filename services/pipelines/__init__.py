"""Pipelines: stages from recordings to a version of an adapter, declared once and run as one."""
