"""Jobs: their states, submission to Ray, reconciliation of rows with Ray, and events."""
