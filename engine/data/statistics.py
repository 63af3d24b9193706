"""Statistics of the good items of a dataset version, counted during ingestion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from engine.data.example import AnyExample, Captions, Label, Labels, TargetType, Text
from engine.data.layout import Layout
from engine.data.report import Example, IngestReport, TextStatistics


class Statistics:
    """Statistics of the good items."""

    def __init__(self) -> None:
        self.items = 0
        self.speakers: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.text_digests: set[int] = set()
        self.words = self.characters = self.longest_characters = 0
        self.alphabet: set[str] = set()
        self.labels: Counter[str] = Counter()
        self.captions = 0

    def add(self, example: AnyExample) -> None:
        """Count a good item."""
        self.items += 1
        if example.group is not None:
            self.speakers[example.group] += 1
        if example.split is not None:
            self.splits[example.split] += 1
        match example.target:
            case Text(text):
                self._add_text(text)
            case Label(label):
                self.labels[label] += 1
            case Labels(labels):
                self.labels.update(labels)
            case Captions(captions):
                self.captions += len(captions)
                for caption in captions:
                    self._add_text(caption)

    def _add_text(self, text: str) -> None:
        self.text_digests.add(hash(text))
        self.words += len(text.split())
        self.characters += len(text)
        self.longest_characters = max(self.longest_characters, len(text))
        self.alphabet.update(text)

    def report(
        self, layout: Layout, examples: list[Example], target: TargetType, inputs: Mapping[str, Any]
    ) -> IngestReport:
        """The report, without the findings of the validation.

        Args:
            layout: what was found.
            examples: to show.
            target: type of the targets.
            inputs: fields that tell of the inputs, from the medium.
        """
        set_aside = sorted(layout.set_aside, key=lambda item: (item.path, item.code, item.reason))
        by_code = Counter(item.code for item in set_aside)
        return IngestReport(
            layout=layout.kinds[0],
            layouts=layout.kinds,
            metadata_files=layout.metadata_files,
            items_found=self.items + len(set_aside),
            items_good=self.items,
            set_aside_by_code={code: by_code[code] for code in sorted(by_code)},
            set_aside=set_aside,
            speakers=dict(sorted(self.speakers.items())),
            without_speaker=self.items - self.speakers.total(),
            splits=dict(sorted(self.splits.items())),
            text=TextStatistics(
                distinct=len(self.text_digests),
                words=self.words,
                characters=self.characters,
                longest_characters=self.longest_characters,
                alphabet="".join(sorted(self.alphabet)),
            ),
            target=target,
            labels=dict(self.labels.most_common()),
            captions=self.captions,
            warnings=layout.warnings,
            text_source=layout.text_source,
            columns_read=layout.columns_read,
            columns_ignored=layout.columns_ignored,
            examples=examples,
            **inputs,
        )
