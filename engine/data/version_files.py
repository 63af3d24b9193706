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
