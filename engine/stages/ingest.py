"""The ingestion stage: turns an archive or a folder into a dataset version, a manifest and what its medium stores.

Items are read and examined by a few threads, a few at a time, and processed in their order: memory grows with the
number of names and texts, not with audio and images. Each unusable item is rejected and named in the report; a good item is
never lost.
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic

from engine.config.division import DivisionConfig
from engine.data.deciding import Decided
from engine.data.decisions import ItemDecisions
from engine.data.division import divide, speakers_are_whole
from engine.data.example import AnyExample, AudioInput, Example, Split
from engine.data.items import records, write_items
from engine.data.layout import Item, Layout
from engine.data.layouts.registry import read_layout
from engine.data.limits import DEFAULT_LIMITS, IngestLimits
from engine.data.manifest import example_of, manifest_line, read_examples, write_manifest
from engine.data.opening import open_source
from engine.data.report import Example as ShownExample
from engine.data.report import IngestReport, named
from engine.data.statistics import Statistics
from engine.data.targets import TARGETS, TEXTS, TargetKind, TargetTypes, labels_in, written
from engine.data.validation.config import DEFAULT_VALIDATION, ValidationConfig
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.drawing import draw_histograms
from engine.data.validation.page import html_page
from engine.data.validation.summary import Summary
from engine.data.version_files import DRAWING_NAME, ITEMS_NAME, MANIFEST_NAME, PAGE_NAME, REPORT_NAME
from engine.errors import IngestError, ItemError
from engine.media.contract import ContentT, Copy, Examined, Intake, IntakeSetting, Medium
from engine.media.registry import medium_named
from engine.process.threads import processors

OnProgress = Callable[[int, int], None]
"""Called after each item with the number of items done and the total."""

_FEWEST_DRAWN = 10  # good items; histograms of fewer show nothing
_WARNINGS_SHOWN = 5  # in an error
_AHEAD = 2  # items that are read ahead, per thread


def ingest(
    source: Path,
    target: Path,
    limits: IngestLimits = DEFAULT_LIMITS,
    on_progress: OnProgress | None = None,
    *,
    validation: ValidationConfig = DEFAULT_VALIDATION,
    division: DivisionConfig | None = None,
    decisions: ItemDecisions | None = None,
    threads: int | None = None,
    language: str | None = None,
    target_types: TargetTypes = TEXTS,
    medium: str = AudioInput.medium,
) -> IngestReport:
    """Turn an archive or a folder of recordings, texts or images into a dataset version.

    Args:
        source: a zip, a tar (plain, gzip, bzip2, xz), a Parquet file or a folder of any of them, in one of the
            medium's structures (for audio those of `engine.data.layouts.registry`), which is detected.
        target: folder for what the medium stores (`audio/*.wav`), `report.json`, its readable form (`validation.html`
            and, from ten good items on, `validation.png`), `items.jsonl` and, last and atomically, `manifest.jsonl`.
        limits: on resources, and on usable recordings.
        on_progress: called after each item.
        validation: criteria for good recordings and texts.
        division: how to hold out test and validation data; the splits are written to the manifest. None leaves them to
            each run. Splits of the source are kept, unless the division replaces them.
        decisions: a user's decisions about items, by the path that the report shows.
        threads: number of items that are examined at the same time; by default one per processor.
        language: spoken language, such as `de`. It decides between subtitles in several languages, and digits in file
            names (`7_jackson_32.wav`) become its words; without it, English words, with a warning.
        target_types: what the recordings are given with: transcripts by default, classes, captions
            (`targets` in the config of a task has its own). Of `label` and `labels`, the rows decide: there are
            several if any row has more than one, or an explicit empty set.
        medium: kind of the inputs, as in `engine.media.registry`.

    Returns:
        The content of the dataset, and every rejected item; also written to `report.json`.

    Raises:
        IngestError: no such source, a damaged or hostile archive, metadata without the needed columns, a target that
            already holds a dataset, or no good item (`report.json` is then written, but no manifest).
    """
    source, target = Path(source), Path(target)
    try:
        found = medium_named(medium)
        _prepare(target, found)
        with open_source(source, limits, work=target) as opened:
            decided = Decided(decisions or {}, divided=division is not None)
            layout = read_layout(opened, limits, language, target_types, found)
            decided.lay_over(layout, opened.entries, found.files)
            kind = found.target(_kind_found(target_types, layout))
            intake = found.intake(IntakeSetting(opened, target, limits, validation, kind))
            ingestion = _Ingestion(
                layout, kind, found, intake, target, limits, validation, decided, threads or processors()
            )
            return ingestion.run(on_progress, division)
    except OSError as error:
        raise IngestError(f"cannot read {source.name} or write the dataset: {error.strerror or error}") from error


def _prepare(target: Path, medium: Medium[Any]) -> None:
    if (target / MANIFEST_NAME).exists():
        raise IngestError(f"{target} already holds a dataset version, which never changes; give another folder")
    target.mkdir(parents=True, exist_ok=True)
    for left_behind in [
        *(path for pattern in medium.stored for path in target.glob(pattern)),
        *(target / name for name in (REPORT_NAME, PAGE_NAME, DRAWING_NAME, ITEMS_NAME)),
    ]:
        left_behind.unlink(missing_ok=True)


class _Ingestion(Generic[ContentT]):
    """The state of one ingestion."""

    def __init__(
        self,
        layout: Layout,
        kind: TargetKind,
        medium: Medium[Any],
        intake: Intake[ContentT],
        target: Path,
        limits: IngestLimits,
        validation: ValidationConfig,
        decided: Decided,
        threads: int,
    ) -> None:
        self.layout = layout
        self.kind = kind
        self.medium = medium
        self.intake = intake
        self.target = target
        self.limits = limits
        self.decided = decided
        self.threads = threads
        self.statistics = Statistics()
        self.summary = Summary(validation, kind, medium, intake.measures)
        self.items: list[Item] = []
        self.texts = DatasetTexts()
        self.kept: list[Item] = []
        self.rejected: list[Item] = []

    def run(self, on_progress: OnProgress | None, division: DivisionConfig | None) -> IngestReport:
        layout = self.layout
        self._check_lengths(layout)
        self.items = layout.items
        if self.kind.role != "label":
            self.texts = DatasetTexts.of([item.text for item in self.items])
        partial = self.target / f".{MANIFEST_NAME}.partial"
        try:
            with (
                partial.open("w", encoding="utf-8", newline="\n") as manifest,
                self.intake,
                closing(self._examined()) as found,
            ):
                for number, (item, examined) in enumerate(found):
                    example = self._take(number, item, examined)
                    if example:
                        manifest.write(manifest_line(example))
                    else:
                        self._set_aside(item, examined, layout)
                    if on_progress:
                        on_progress(number + 1, len(layout.items))
                manifest.flush()
                os.fsync(manifest.fileno())
            self.intake.close()
            if division is not None and self.kept:
                self._divide(partial, division, layout)
            if warning := self.decided.still_rejected(self.rejected):
                layout.warnings.append(warning)
            report = self._report(layout, self._examples(partial))
            write_items(self.target / ITEMS_NAME, records(self.items, read_examples(partial), report))
            if not report.items_good:
                raise IngestError(_nothing_good(report, layout, self.medium, self.kind))
            partial.replace(self.target / MANIFEST_NAME)
        except BaseException:
            self.intake.discard()
            raise
        finally:
            partial.unlink(missing_ok=True)
        return report

    def _check_lengths(self, layout: Layout) -> None:
        """Reject items whose text is too long to be spoken, or to be a label, before any other check of it."""
        kind = self.kind
        most = kind.most_characters or self.limits.max_text_characters
        for item in layout.items:
            if len(item.text) > most:
                reason = f"its {kind.noun} has {len(item.text):,} characters; allowed: at most {most:,}"
                layout.set_item_aside(item.shown, kind.too_long, reason)
        layout.items = [item for item in layout.items if len(item.text) <= most]

    def _examined(self) -> Generator[tuple[Item, Examined[ContentT]], None, None]:
        """Every item with the result of its examination, in order; files are opened here, one after the other."""
        waiting: deque[tuple[Item, ExitStack, Future[Examined[ContentT]]]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="examine")
        # Exited in reverse order, so that no file is closed while a thread still reads it.
        with ExitStack() as opened, ExitStack() as running:
            running.callback(pool.shutdown, cancel_futures=True)
            for item in self.items:
                stack = opened.enter_context(ExitStack())
                waiting.append((item, stack, self._begin(item, stack, pool)))
                if len(waiting) > _AHEAD * self.threads:
                    yield self._finished(waiting.popleft())
            while waiting:
                yield self._finished(waiting.popleft())

    def _begin(self, item: Item, stack: ExitStack, pool: ThreadPoolExecutor) -> Future[Examined[ContentT]]:
        try:
            if refusal := self.decided.refusal(item):
                raise refusal
            examine = stack.enter_context(self.intake.open(item, self.decided.of(item).accepted, self.texts))
        except ItemError as fault:
            failed: Future[Examined[ContentT]] = Future()
            failed.set_result(Examined(item.text, faults=[fault]))
            return failed
        return pool.submit(examine)

    def _finished(self, begun: tuple[Item, ExitStack, Future[Examined[ContentT]]]) -> tuple[Item, Examined[ContentT]]:
        item, stack, future = begun
        with stack:
            return item, future.result()

    def _take(self, number: int, item: Item, examined: Examined[ContentT]) -> AnyExample | None:
        """Store an item in the dataset, unless it has a fault or is a copy of an earlier one."""
        content = examined.content
        if content is None:
            return None
        self.intake.count(content)
        if examined.faults:
            return None
        copy = self.intake.copy_of(content)
        if copy and self._is_harmless(copy, item):
            earlier = self.kept[copy.item]
            examined.doubts.append(
                ("near_copy", f"it is {earlier.shown} in another form, of the same {self.kind.group}")
            )
        elif copy:
            examined.add_fault(self._fault_of(copy, item))
            if examined.faults:
                return None
        given = self.intake.add(item, content)
        example: AnyExample = Example(item.id, given, self.kind.make(examined.text), item.speaker, item.split)
        self.kept.append(item)
        self.statistics.add(example)
        self.summary.add(number, item.shown, example, examined, content)
        return example

    def _is_harmless(self, copy: Copy, item: Item) -> bool:
        """Whether a near copy may stay: of the same source, it is another edit, and never held out."""
        earlier = self.kept[copy.item]
        is_same = (earlier.speaker, earlier.split, earlier.text) == (item.speaker, item.split, item.text)
        return not self.kind.is_speech and not copy.is_exact and item.speaker is not None and is_same

    def _fault_of(self, copy: Copy, item: Item) -> ItemError:
        earlier = self.kept[copy.item]
        differs = []
        if self.kind.make(earlier.text) != self.kind.make(item.text):
            differs.append(f"another {self.kind.noun}")
        if self.kind.role == "label" and set(labels_in(earlier.text)) != set(labels_in(item.text)):
            self.summary.add_contradiction(item.shown, item.text, earlier.shown, earlier.text)
        if earlier.speaker != item.speaker:
            differs.append(f"another {self.kind.group}")
        if earlier.split != item.split:
            differs.append(f"the split {earlier.split}")
        but = f", which has {' and '.join(differs)}" if differs else ""
        return ItemError(copy.code, f"{copy.reason.format(earlier=earlier.shown)}{but}; that one is kept")

    def _divide(self, manifest: Path, config: DivisionConfig, layout: Layout) -> None:
        """Write splits to the manifest: those of the source or drawn ones, with a user's decisions on top."""
        examples = read_examples(manifest)
        if self.statistics.splits and config.source_splits == "keep":
            layout.warnings.append("the source makes splits itself; they are kept, and none are drawn")
            splits, are_judged = [example.split for example in examples], True
        else:
            divided = divide(examples, [item.entry.path for item in self.kept], config)
            layout.warnings.extend(divided.warnings)
            splits, are_judged = list[Split | None](divided.splits), speakers_are_whole(examples, divided.splits)
        splits = [self.decided.splits.get(each.id, split) for each, split in zip(examples, splits, strict=True)]
        examples = [replace(each, split=split) for each, split in zip(examples, splits, strict=True)]
        write_manifest(manifest, examples)
        self.statistics.splits = Counter(split for split in splits if split is not None)
        # A division by recording has speakers on both sides, either as requested or with a warning.
        self.summary.redo_splits(examples, are_groups_judged=are_judged)

    def _set_aside(self, item: Item, examined: Examined[ContentT], layout: Layout) -> None:
        """Reject an item for its first fault; the report also has its other faults and doubts."""
        first, *others = examined.faults
        self.rejected.append(item)
        self.summary.add_doubts(item.shown, examined.doubts)
        self.summary.add_overruled(item.shown, examined.overruled)
        besides = "".join(f"; besides, {other.reason}" for other in others)
        layout.set_item_aside(item.shown, first.code, first.reason + besides)
        for other in others:
            self.summary.add_besides(item.shown, other)

    def _examples(self, manifest: Path) -> list[ShownExample]:
        """The first good item, one from the middle and the last."""
        count = len(self.kept)
        chosen = sorted({0, count // 2, count - 1}) if count else []
        with manifest.open(encoding="utf-8", newline="\n") as lines:
            found = [example_of(json.loads(line)) for number, line in enumerate(lines) if number in chosen]
        return [
            ShownExample(
                recording=self.kept[number].shown,
                input=self.medium.preview(each.input).text,
                text=written(each.target),
                speaker=each.group,
                split=each.split,
            )
            for number, each in zip(chosen, found, strict=True)
        ]

    def _report(self, layout: Layout, examples: list[ShownExample]) -> IngestReport:
        """Write the report as JSON and HTML, with histograms."""
        layout.warnings += self.intake.warnings()
        report = self.statistics.report(layout, examples, self.kind.type, self.intake.facts())
        validation = self.summary.report(report.set_aside, report.columns_ignored)
        report = report.model_copy(update={"validation": validation})
        drawing = draw_histograms(validation.histograms) if report.items_good >= _FEWEST_DRAWN else b""
        contents = {
            PAGE_NAME: html_page(report, drawing).encode(),
            REPORT_NAME: (report.model_dump_json(indent=1) + "\n").encode(),
        }
        if drawing:
            contents[DRAWING_NAME] = drawing
        for name, content in contents.items():
            partial = self.target / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(self.target / name)
        return report


def _kind_found(types: TargetTypes, layout: Layout) -> TargetKind:
    """The kind of the targets that were found, of those that are allowed."""
    several: TargetKind = TARGETS["labels" if layout.several_labels else "label"]
    return several if several.type in types else TARGETS[types[0]]


def _nothing_good(report: IngestReport, layout: Layout, medium: Medium[Any], kind: TargetKind) -> str:
    if not report.set_aside:
        return f"found no {medium.noun}; a dataset is a zip or a folder with {medium.given[kind.role]}"
    first = [f"{item.path} ({item.code}: {item.reason})" for item in report.set_aside]
    lines = [f"none of {report.items_found} items can be used: {named(first, most=5)}"]
    files = f", {named(report.metadata_files, most=3)}" if report.metadata_files else ""
    lines.append(f"It was read as {', '.join(report.layouts)}{files}.")
    if report.columns_read:
        read = ", ".join(f"{name} as the {role}" for name, role in report.columns_read.items())
        ignored = f"; not read: {named(report.columns_ignored)}" if report.columns_ignored else ""
        lines.append(f"Its columns were read so: {read}{ignored}.")
    if layout.first_rows:
        lines.append(f"Its first rows: {'; '.join(layout.first_rows)}.")
    return "\n".join([*lines, *report.warnings[:_WARNINGS_SHOWN]])
