"""What the work is: audio, data, models, adapters, tasks, the training loop, metrics. Plain PyTorch."""
