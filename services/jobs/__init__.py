"""Training jobs: their states, how they reach Ray, what keeps rows and Ray in agreement, and their events."""
