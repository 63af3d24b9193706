"""The platform's catalogue of base models: shipped cards and the admins' changes."""
