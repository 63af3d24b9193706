"""Model families behind one contract, the catalogue, 4-bit loading, compute type."""
