"""Search for rank allocations and hyperparameters (not built yet), and studies."""
