"""Families without weights here, trained from random ones on real recordings."""
