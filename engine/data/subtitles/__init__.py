"""Subtitles: from a file's text to what was said, and when."""
