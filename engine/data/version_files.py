"""The files of a dataset version, in addition to `audio/*.wav`."""

from __future__ import annotations

from typing import Final

MANIFEST_NAME: Final = "manifest.jsonl"
"""The utterances; written last, so that its presence marks a complete version."""
REPORT_NAME: Final = "report.json"
"""The report, for programs."""
PAGE_NAME: Final = "validation.html"
"""The report, for people."""
DRAWING_NAME: Final = "validation.png"
"""The report's histograms; from ten items on."""
ITEMS_NAME: Final = "items.jsonl"
"""Every item of the source, good or rejected, with its findings."""
VERSION_NAME: Final = "version.json"
"""How the version was made: number, parent, options, decisions."""
