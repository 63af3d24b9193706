"""Apply decisions to a source's items before any audio is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from engine.data.decisions import ItemDecision, ItemDecisions, after
from engine.data.endings import FileKinds
from engine.data.example import Split
from engine.data.layout import Item, Layout
from engine.data.report import TEXTLESS, named
from engine.data.source import Entry, displayed
from engine.errors import ItemError


class Decided:
    """Applies a person's decisions to items."""

    def __init__(self, decisions: ItemDecisions, *, divided: bool) -> None:
        """Prepare the decisions.

        Args:
            decisions: by the path of the item.
            divided: whether splits are drawn; a person's splits then override them later.
        """
        self._decisions = decisions
        self._divided = divided
        self.splits: dict[str, Split | None] = {}
        """A person's splits, by id, which override drawn ones."""
        self._named: dict[str, str] = {}
        """Paths of items that had no text before, by id."""

    def lay_over(self, layout: Layout, entries: Sequence[Entry], files: FileKinds) -> None:
        """Edit the items of a source, and turn inputs that got a text into items; `files` are inputs."""
        if not self._decisions:
            return
        self._add_texts(layout, entries, files)
        layout.items = [self._edited(item) for item in layout.items]
        known = {displayed(item.shown) for item in layout.items} | {item.path for item in layout.set_aside}
        gone = sorted(path for path in self._decisions if path not in known)
        if gone:
            layout.warnings.append(f"{len(gone)} items that something was decided about are not there: {named(gone)}")

    def of(self, item: Item) -> ItemDecision:
        """The decision about an item."""
        found = self._decisions.get(displayed(item.shown), _NOTHING)
        named = self._named.get(item.id)
        return found if named is None else after(self._decisions[named], found)

    def refusal(self, item: Item) -> ItemError | None:
        """The fault of an item that a person rejected; None for other items."""
        return ItemError("rejected", "it was rejected by a decision") if self.of(item).rejected else None

    def still_rejected(self, rejected: Sequence[Item]) -> str | None:
        """A warning about accepted items that still cannot be included."""
        paths = [displayed(item.shown) for item in rejected if self.of(item).accepted and not self.of(item).rejected]
        if not paths:
            return None
        return f"{len(paths)} items were accepted and are rejected for another reason, see there: {named(paths)}"

    def _edited(self, item: Item) -> Item:
        changes = dict(self.of(item).changes)
        if "split" in changes and self._divided:
            self.splits[item.id] = cast("Split | None", changes.pop("split"))
        return replace(item, **changes) if changes else item  # type: ignore[arg-type]  # names and values were checked

    def _add_texts(self, layout: Layout, entries: Sequence[Entry], files: FileKinds) -> None:
        """Add inputs without a text that got one from a person."""
        texts = {path: text for path, each in self._decisions.items() if (text := each.changes.get("text")) is not None}
        known = {displayed(item.shown) for item in layout.items}
        wanted = texts.keys() - known
        textless = {item.path for item in layout.set_aside if item.code in TEXTLESS and item.path in wanted}
        if not textless:
            return
        found = {path: item for path, item in layout.textless.items() if path in textless}
        for entry in entries:
            path = displayed(entry.path)
            if path in textless and path not in found and not entry.fault and files.reads(path):
                stem = path.replace("/", ".").rpartition(".")[0]
                found[path] = Item(entry, stem or path, "", speaker=None, split=None)
        taken = {item.id for item in layout.items}
        for path, item in found.items():
            own, number = item.id, 2
            while own in taken:
                own, number = f"{item.id}-{number}", number + 1
            taken.add(own)
            self._named[own] = path
            layout.items.append(replace(item, id=own, text=texts[path]))
        layout.set_aside = [item for item in layout.set_aside if item.path not in found or item.code not in TEXTLESS]
        layout.put_together()
        if impossible := sorted(textless - found.keys()):
            layout.warnings.append(
                f"{len(impossible)} items were given a text, and have no recording that is read: {named(impossible)}"
            )


_NOTHING = ItemDecision()
