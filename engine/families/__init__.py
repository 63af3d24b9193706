"""Model families: how their models are loaded, and how they learn each task that they can do."""
