"""What a run will need in memory, before it is launched. Imports no torch."""
