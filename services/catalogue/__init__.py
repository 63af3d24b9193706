"""The catalogue of base models, as the platform keeps it: shipped cards, and what admins make of them."""
