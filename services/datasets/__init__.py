"""Datasets: uploads, processing, and inspection of the result."""
