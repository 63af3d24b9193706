"""Datasets: uploads, processing, and a look at what came out."""
