"""Subtitles: extract what was said, and when, from a file's text."""
