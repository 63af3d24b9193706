"""CLAP: two encoders that put recordings and texts into one space."""
