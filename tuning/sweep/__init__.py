"""Sweeps: searches over trainings by Ray Tune, and what is best for its memory and its trainable parameters."""
