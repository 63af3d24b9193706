"""What to search: rank allocations and sweeps. Nothing is built here yet."""
