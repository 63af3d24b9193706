"""The record of a run: store, events, provenance, curves, card."""
