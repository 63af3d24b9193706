"""Ranks: how many each layer's adapter gets, and how that is measured, chosen, stored and drawn."""
