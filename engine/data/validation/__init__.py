"""Validation: what is wrong or doubtful in recordings, in their texts, and in a dataset as a whole."""
