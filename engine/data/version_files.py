"""The files of a dataset version, beside its `audio/*.wav`."""

from __future__ import annotations

from typing import Final

MANIFEST_NAME: Final = "manifest.jsonl"
"""The utterances; written last, so that a version that has one is whole."""
REPORT_NAME: Final = "report.json"
"""What was found in the recordings, for programs."""
PAGE_NAME: Final = "validation.html"
"""The same for people."""
DRAWING_NAME: Final = "validation.png"
"""Its histograms; from ten items on."""
ITEMS_NAME: Final = "items.jsonl"
"""Every item of the source, good or rejected, with what was found out about it."""
VERSION_NAME: Final = "version.json"
"""How the version was made: number, parent, options, decisions."""
