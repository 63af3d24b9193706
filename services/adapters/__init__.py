"""Adapters as users name them, their versions, and what each was made of."""
