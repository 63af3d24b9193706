"""The training loop, optimizers, schedules, checkpoints and data-parallel reduction."""
