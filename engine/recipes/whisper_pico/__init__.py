"""How the bundled whisper-pico is made: architecture, synthetic speech, pre-training."""
