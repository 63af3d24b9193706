"""Reject placeholders for texts, in all layouts: values that programs write, such as `nan`, and names of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from engine.data.layout import Layout
from engine.data.source import displayed
from engine.data.targets import TargetKind
from engine.data.values import WORDS_AS_WELL

_MOSTLY = 0.5  # of the other texts


def set_file_names_aside(layout: Layout, suspects: Collection[str], target: TargetKind) -> None:
    """Reject items whose text is the name of a file, which may hold the actual text.

    Args:
        layout: changed in place.
        suspects: ids of the items.
        target: what the texts are.
    """
    items = layout.items
    layout.items = [item for item in items if item.id not in suspects]
    for item in items:
        if item.id in suspects:
            is_not = "what is said" if target.is_speech else f"a {target.noun}"
            reason = f"its {target.noun} {item.text!r} is the name of a file, not {is_not} ({item.place})"
            layout.textless[displayed(item.shown)] = item
            layout.set_item_aside(item.shown, target.missing, reason)


def set_nothings_aside(layout: Layout, suspects: Collection[str], target: TargetKind) -> None:
    """Reject items whose text stands for a missing text.

    `None` and `null` are also words: they are kept, with a warning, if most of the other texts are single words.

    Args:
        layout: changed in place.
        suspects: ids of items with such a text, if it comes from a file; in file names, these are words.
        target: what the texts are.
    """
    others = [item.text for item in layout.items if item.id not in suspects]
    are_words = sum(" " in text for text in others) < _MOSTLY * len(others)
    kept = Counter[str]()
    items = layout.items
    layout.items = []
    for item in items:
        if item.id not in suspects:
            layout.items.append(item)
        elif are_words and item.text in WORDS_AS_WELL:
            kept[item.text] += 1
            layout.items.append(item)
        else:
            noun = target.noun
            reason = f"its {noun} is {item.text!r}, which programs write where there is no {noun} ({item.place})"
            layout.textless[displayed(item.shown)] = item
            layout.set_item_aside(item.shown, target.missing, reason)
    layout.warnings += [
        f"{count} {target.noun}s are {word!r}, which programs write where there is no {target.noun}; they were kept, because "
        f"the other {target.noun}s are single words too"
        for word, count in kept.items()
    ]
