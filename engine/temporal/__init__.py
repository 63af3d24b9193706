"""Adapters whose ranks follow the audio: features of frames, gates, their files and pictures."""
