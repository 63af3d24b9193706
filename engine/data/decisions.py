"""A person's decisions about the items of a dataset version, and their meaning for each item.

A request names items by path, id, kind of finding or speaker. It is resolved against the version that the person has seen
and becomes one `ItemDecision` per item, by path. A version includes its ancestors' decisions: processing the same source
with the same options and decisions gives the same version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from engine.config.base import Config
from engine.data.example import Split
from engine.data.items import ItemRecord
from engine.data.report import TEXTLESS, Code
from engine.errors import Fault

OVERRULABLE: Final[tuple[Code, ...]] = (
    "clipped",
    "duplicate_audio",
    "duplicate_input",
    "mismatched_text",
    "mixed_scripts",
    "near_duplicate",
    "personal_data",
    "rejected",
    "silent",
    "unreadable_text",
)
"""Findings that are judgements about an input that was read; a person may overrule them."""
_INSTEAD: Final[dict[str, str]] = {
    "too_long": "raise limits.max_item_s",
    "too_short": "lower limits.min_item_s",
    "duplicate_name": "edit the item and give its text, if it is the right one",
    **dict.fromkeys(("missing_label", "bad_label"), "edit the item and give its label as the text"),
    **dict.fromkeys(("missing_caption", "bad_caption"), "edit the item and give its captions as the text"),
    "missing_text": "edit the item and give its text",
    "unreadable_text": "edit the item and give its text",
    "several_texts": "say which language is spoken, or edit the item and give its text",
}
_NO_WAY: Final = "its recording or its row is incomplete; correct the source and make a new dataset of it"
_MOST_SHOWN: Final = 20


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that is no text (NUL or half of a pair)")
    return text


Word = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_storable)]
Words = Annotated[list[Word], Field(min_length=1, max_length=10_000)]


class _Selecting(Config):
    paths: Words | None = None
    """Items by path, as in the report and the list of items."""
    ids: Words | None = None
    """Good items by id, as in the manifest."""
    codes: Words | None = None
    """Items with a finding of one of these kinds, such as `mismatched_text` or `noisy`."""
    speakers: Words | None = None
    """Items of these speakers."""

    @model_validator(mode="after")
    def _selects(self) -> _Selecting:
        if not any((self.paths, self.ids, self.codes, self.speakers)):
            raise ValueError("selects nothing; give paths, ids, codes or speakers")
        return self

    def names_items(self) -> bool:
        """Whether it names single items. In a group, items that it cannot apply to are skipped."""
        return self.paths is not None or self.ids is not None


class Accept(_Selecting):
    """Accept rejected items into the dataset.

    Several selectors narrow the choice. With `codes` only those findings are overruled, else every finding that can be.
    """

    do: Literal["accept"]


class Reject(_Selecting):
    """Leave items out of the dataset. Several selectors narrow the choice."""

    do: Literal["reject"]


class Edit(_Selecting):
    """Set the text, speaker or split of items; null: no speaker, no split. Several selectors narrow the choice."""

    do: Literal["edit"]
    text: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_storable)] | None = None
    """Text; only for a single item, named by its path or id."""
    speaker: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_storable)] | None = None
    """Speaker."""
    split: Split | None = None
    """Split; overrides a drawn split."""

    @model_validator(mode="after")
    def _changes(self) -> Edit:
        if not self.changes():
            raise ValueError("changes nothing; give text, speaker or split")
        if self.text is None and "text" in self.model_fields_set:
            raise ValueError("text is null; an item without a text is rejected instead")
        if self.text is not None and len(self.paths or ()) + len(self.ids or ()) != 1:
            raise ValueError("text is of one item; give one path or one id with it")
        return self

    def changes(self) -> dict[str, str | None]:
        """The changed fields."""
        return {name: getattr(self, name) for name in ("text", "speaker", "split") if name in self.model_fields_set}


Decision = Annotated[Accept | Reject | Edit, Field(discriminator="do")]


class ItemDecision(Config):
    """All decisions about an item, from this request and earlier ones."""

    accepted: tuple[Code, ...] = ()
    """Kinds of findings that are overruled."""
    rejected: bool = False
    """Whether to leave it out."""
    changes: dict[Literal["text", "speaker", "split"], str | None] = {}
    """Fields that replace the source's."""


ItemDecisions = Mapping[str, ItemDecision]
"""Decisions by the path of the item."""


def as_written(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Decisions as stored JSON, with only the given fields."""
    return [each.model_dump(mode="json", exclude_unset=True) for each in decisions]


def merged(earlier: ItemDecisions, later: ItemDecisions) -> dict[str, ItemDecision]:
    """Merge a version's decisions with later ones; the later decision wins."""
    result = dict(earlier)
    for path, decision in later.items():
        result[path] = after(result.get(path, ItemDecision()), decision)
    return result


def resolve(
    decisions: Sequence[Decision], items: Iterable[ItemRecord], version: str
) -> tuple[dict[str, ItemDecision], list[Fault]]:
    """Resolve decisions to the items of a version.

    Args:
        decisions: in order; a later one wins.
        items: of the version; items that no decision can apply to may be missing.
        version: its name in messages.

    Returns:
        Decisions by path, and every fault of the request.
    """
    index = _Index(items)
    resolved: dict[str, ItemDecision] = {}
    faults: list[Fault] = []
    for number, decision in enumerate(decisions):
        where = f"decisions.{number}"
        before, changed = len(faults), 0
        matching, missing = index.matching(decision, where, version)
        faults += missing
        if isinstance(decision, Accept):
            faults += _firm_codes(decision, where)
        for item in matching:
            change, fault = _JUDGES[decision.do](decision, item)
            if change is not None:
                resolved[item.path] = after(resolved.get(item.path, ItemDecision()), change)
                changed += 1
            elif fault and decision.names_items():
                faults.append(Fault(where, fault))
        if not changed and len(faults) == before:
            faults.append(Fault(where, f"no item of {version} is like that, or none can be decided so"))
    return resolved, faults


class _Index:
    """Items by each selector."""

    def __init__(self, items: Iterable[ItemRecord]) -> None:
        self._by: dict[str, dict[str, dict[int, ItemRecord]]] = {
            field: defaultdict(dict) for field in ("paths", "ids", "codes", "speakers")
        }
        for number, item in enumerate(items):
            keys: dict[str, Iterable[str | None]] = {
                "paths": [item.path],
                "ids": [item.id],
                "codes": item.codes,
                "speakers": [item.speaker],
            }
            for field, names in keys.items():
                for name in names:
                    if name is not None:
                        self._by[field][name][number] = item

    def matching(self, decision: Decision, where: str, version: str) -> tuple[list[ItemRecord], list[Fault]]:
        """Items that a decision selects, and its names without an item."""
        faults: list[Fault] = []
        found: dict[int, ItemRecord] | None = None
        for field, known in self._by.items():
            names: list[str] | None = getattr(decision, field)
            if names is None:
                continue
            for at, name in enumerate(names):
                if name not in known:
                    what = {"paths": "item", "ids": "good item", "codes": "finding", "speakers": "speaker"}[field]
                    faults.append(Fault(f"{where}.{field}.{at}", f"no {what} {name!r} in {version}"))
            these = {number: item for name in names for number, item in known.get(name, {}).items()}
            found = these if found is None else {number: item for number, item in found.items() if number in these}
        return self._distinct(decision, found or {}), faults

    @staticmethod
    def _distinct(decision: Decision, found: Mapping[int, ItemRecord]) -> list[ItemRecord]:
        """One item per path, and in a group only items that a decision can change.

        A second row of a file is rejected under the path of the first.
        """
        items: dict[str, ItemRecord] = {}
        for item in found.values():
            if item.path not in items or items[item.path].text is None:
                items[item.path] = item
        if decision.names_items():
            return list(items.values())
        if isinstance(decision, Accept):
            return [item for item in items.values() if item.status == "rejected"]
        return [item for item in items.values() if item.text is not None]


def _firm_codes(decision: Accept, where: str) -> list[Fault]:
    return [
        Fault(f"{where}.codes.{at}", f"{code} cannot be overruled: {_INSTEAD.get(code, _NO_WAY)}")
        for at, code in enumerate(decision.codes or ())
        if code not in OVERRULABLE
    ]


def _accept(decision: Any, item: ItemRecord) -> tuple[ItemDecision | None, str | None]:
    if item.status == "good":
        return None, f"{item.path} is in the dataset already; there is nothing to accept"
    asked = item.rejecting if decision.codes is None else item.rejecting & set(decision.codes)
    if not asked:
        return (
            None,
            f"{item.path} is rejected for {', '.join(sorted(item.rejecting))}, not for {', '.join(decision.codes)}",
        )
    # An item that was rejected before its recording was read has nothing to accept.
    firm = sorted(asked if item.text is None else asked - set(OVERRULABLE))
    if firm:
        instead = "; ".join(f"{code}: {_INSTEAD.get(code, _NO_WAY)}" for code in firm)
        return None, f"{item.path} cannot be accepted: {instead}"
    kinds = OVERRULABLE if decision.codes is None else tuple(code for code in OVERRULABLE if code in asked)
    return ItemDecision(accepted=kinds), None


def _reject(decision: Any, item: ItemRecord) -> tuple[ItemDecision | None, str | None]:
    if item.text is None:
        return None, f"{item.path} is no recording with a text; it is not in the dataset anyway"
    return ItemDecision(rejected=True), None


def _edit(decision: Any, item: ItemRecord) -> tuple[ItemDecision | None, str | None]:
    changes = decision.changes()
    lacks_text = item.rejecting <= set(TEXTLESS)
    if item.text is None and not (lacks_text and "text" in changes):
        codes = ", ".join(sorted(item.rejecting))
        instead = "give its text with it" if lacks_text else _NO_WAY
        return None, f"{item.path} is rejected for {codes} and cannot be edited: {instead}"
    return ItemDecision(changes=changes), None


_JUDGES: Final = {"accept": _accept, "reject": _reject, "edit": _edit}


def after(earlier: ItemDecision, later: ItemDecision) -> ItemDecision:
    """Merge two decisions about an item; the later one wins."""
    accepted, rejected = earlier.accepted, earlier.rejected
    if later.rejected:
        accepted, rejected = (), True
    elif later.accepted:
        accepted = tuple(code for code in OVERRULABLE if code in {*accepted, *later.accepted})
        rejected = rejected and "rejected" not in later.accepted
    return ItemDecision(accepted=accepted, rejected=rejected, changes={**earlier.changes, **later.changes})
