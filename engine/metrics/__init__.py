"""Metrics: error rates of transcripts, and the text that they count."""
