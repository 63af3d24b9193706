"""How bundled models are made."""
