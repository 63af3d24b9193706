"""Validation: faults and doubts in recordings, in their texts, and in a dataset as a whole."""
