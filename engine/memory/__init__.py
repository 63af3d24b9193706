"""Predict a run's memory before launch. Does not import torch."""
