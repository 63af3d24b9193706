"""Predict a run's memory before launch. Imports no torch."""
