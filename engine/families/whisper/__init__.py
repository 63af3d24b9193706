"""Whisper: an audio encoder and a text decoder, trained on whole windows of 30 s."""
