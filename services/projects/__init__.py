"""What users keep together."""
