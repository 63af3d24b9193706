"""The types of stages: a file for each, with what it declares and what it does."""
