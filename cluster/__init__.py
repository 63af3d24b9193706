"""Where and how work runs: Ray, object storage, the training driver."""
