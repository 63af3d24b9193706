"""Methods: what of a model is trained, and what training leaves."""
