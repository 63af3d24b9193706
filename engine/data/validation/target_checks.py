"""The checks of each type of target: of a single one, and of all of a dataset together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from engine.data.example import AnyExample, TargetType
from engine.data.report import Finding
from engine.data.targets import CAPTION_MARK, TargetKind, captions_in
from engine.data.validation import characters
from engine.data.validation.alphabets import confusable_letters, foreign_stem
from engine.data.validation.caption_findings import CaptionFindings
from engine.data.validation.config import ValidationConfig
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.label_findings import LabelFindings
from engine.data.validation.personal_data import find_personal_data
from engine.errors import ItemError
from engine.media.contract import Examined
from engine.metrics.text import normalize_basic

_SHOWN = 60


class DatasetChecks(Protocol):
    """What is found in the targets of all items together."""

    def add(self, example: AnyExample) -> None:
        """Record an item of the dataset."""
        ...

    def findings(self) -> Iterable[Finding]:
        """All findings."""
        ...


class NoChecks:
    """For transcripts, which are judged with their speakers and lengths in `summary`."""

    def __init__(self, config: ValidationConfig) -> None: ...

    def add(self, example: AnyExample) -> None:
        """Nothing."""

    def findings(self) -> Iterable[Finding]:
        """None."""
        return ()


def plain_target(text: str, kind: TargetKind) -> str:
    """A target's written form as the manifest has it: readable, without invisible characters."""
    parts = text.split(kind.mark) if kind.mark else [text]
    return kind.mark.join(map(characters.plain, parts))


def judge_text(text: str, found: Examined[Any], texts: DatasetTexts) -> None:
    """Check a transcript alone."""
    question = texts.lost_letters.find(text)
    if reason := characters.unreadable(text):
        found.add_fault(ItemError("unreadable_text", reason))
    elif question and question[1]:
        reason = f"found a question mark inside a word ({characters.near(text, question[0])}), as in other texts: "
        found.add_fault(ItemError("unreadable_text", reason + "letters were lost when the texts were saved"))
    elif characters.says_nothing(text):
        found.add_fault(ItemError("missing_text", f"its text {text!r} has no letter and no digit"))
    elif characters.is_mark(text):
        found.add_fault(ItemError("missing_text", f"its text {text!r} is a mark of a transcriber, and has no words"))
    elif mark := characters.lacks_words(text):
        found.add_fault(ItemError("mismatched_text", f"its text has {mark}: words are missing"))
    elif reason := confusable_letters(text, texts.alphabet):
        found.add_fault(ItemError("mixed_scripts", reason))
    elif reason := foreign_stem(text):
        found.doubts.append(("foreign_stem", reason))
    if question and not question[1]:
        reason = f"found a question mark inside or before a word ({characters.near(text, question[0])})"
        found.doubts.append(("question_mark_in_word", f"{reason}: a blank is missing, or a letter was lost"))
    if reason := characters.invisible(text):
        found.doubts.append(("invisible_characters", reason))
    if reason := characters.entity(text):
        found.doubts.append(("html", reason))
    if personal := find_personal_data(found.text):
        reason = f"its text has {personal.kind} ({personal.shown}); allowed: none"
        if personal.certainty == "certain":
            found.add_fault(ItemError("personal_data", reason))
        else:
            found.doubts.append(("possible_personal_data", reason))


def judge_labels(text: str, found: Examined[Any], texts: DatasetTexts) -> None:
    """Nothing to check in a single class name: `x`, `404` and `a&b` are names too."""


def judge_captions(text: str, found: Examined[Any], texts: DatasetTexts) -> None:
    """Check captions alone: leave out faulty ones, and reject the item only if none is left."""
    kept: list[str] = []
    seen: set[str] = set()
    refused: list[tuple[str, ItemError]] = []
    for caption in captions_in(text):
        fault = _fault_of_caption(caption, texts)
        form = normalize_basic(caption)
        if fault is not None and fault.code not in found.accepted:
            refused.append((caption, fault))
        elif form in seen:
            reason = f"its caption {caption[:_SHOWN]!r} repeats another one, and was left out"
            found.doubts.append(("repeated_caption", reason))
        else:
            seen.add(form)
            kept.append(characters.plain(caption))
            _doubt_caption(caption, fault, found)
    for caption, fault in refused:
        if kept:
            found.doubts.append(("dropped_caption", f"its caption {caption[:_SHOWN]!r} was left out: {fault.reason}"))
        else:
            found.add_fault(fault)
    found.text = CAPTION_MARK.join(kept) or found.text


def _doubt_caption(caption: str, accepted: ItemError | None, found: Examined[Any]) -> None:
    """Doubts about a caption that is kept, and the fault that a decision accepts."""
    if accepted is not None:
        found.add_fault(accepted)
    if reason := characters.invisible(caption):
        found.doubts.append(("invisible_characters", reason))
    if reason := characters.entity(caption):
        found.doubts.append(("html", reason))
    personal = find_personal_data(characters.plain(caption))
    if personal and personal.certainty != "certain":
        reason = f"its caption has {personal.kind} ({personal.shown}); allowed: none"
        found.doubts.append(("possible_personal_data", reason))


def _fault_of_caption(caption: str, texts: DatasetTexts) -> ItemError | None:
    if reason := characters.unreadable(caption):
        return ItemError("unreadable_text", reason)
    if characters.says_nothing(caption):
        return ItemError("missing_caption", f"its caption {caption!r} has no letter and no digit")
    if reason := confusable_letters(caption, texts.alphabet):
        return ItemError("mixed_scripts", reason)
    personal = find_personal_data(characters.plain(caption))
    if personal and personal.certainty == "certain":
        return ItemError("personal_data", f"its caption has {personal.kind} ({personal.shown}); allowed: none")
    return None


JUDGES: Final[Mapping[TargetType, Callable[[str, Examined[Any], DatasetTexts], None]]] = {
    "text": judge_text,
    "label": judge_labels,
    "labels": judge_labels,
    "captions": judge_captions,
}
"""Checks of a single target."""

DATASET_CHECKS: Final[Mapping[TargetType, Callable[[ValidationConfig], DatasetChecks]]] = {
    "text": NoChecks,
    "label": LabelFindings,
    "labels": LabelFindings,
    "captions": CaptionFindings,
}
"""Checks of all targets together."""
