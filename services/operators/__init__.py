"""What operators do: accounts of others, and what belongs to others. Every change is in the audit trail, with who did it."""
