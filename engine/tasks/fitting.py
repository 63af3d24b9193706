"""Drop examples that do not fit the model, and name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.data.example import AnyExample
from engine.errors import TrainingError

_SHOWN: Final = 20
MOST_NAMED: Final = 100
"""Maximum number of examples named in a result; the run's files name all."""


def wrong_kind(examples: Sequence[AnyExample], medium: str, targets: Sequence[str]) -> dict[str, str]:
    """Reasons, by id, for examples of another medium, or with another type of target."""
    reasons = {}
    for example in examples:
        if example.input.medium != medium:
            reasons[example.id] = f"its input is {example.input.medium}; the task takes {medium}"
        elif example.target.type not in targets:
            reasons[example.id] = f"its target is of type {example.target.type}; the task takes {' or '.join(targets)}"
    return reasons


def without(examples: Sequence[AnyExample], misfits: Mapping[str, str], part: str) -> list[AnyExample]:
    """The examples of a split that fit the model.

    Raises:
        TrainingError: the split has examples, and none fits.
    """
    kept = [u for u in examples if u.id not in misfits]
    if examples and not kept:
        reasons = {u.id: misfits[u.id] for u in examples}
        raise TrainingError(
            f"none of the {len(examples)} examples to {part} fits the model; cut them, or take another model:\n"
            f"{_lines(reasons)}"
        )
    return kept


def left_out_note(misfits: Mapping[str, str]) -> str:
    """Message that names the examples that are left out."""
    count = f"{len(misfits):,} example{' does' if len(misfits) == 1 else 's do'} not fit the model and"
    return f"{count} {'is' if len(misfits) == 1 else 'are'} left out:\n{_lines(misfits)}"


def cut_note(cut: int, measured: int, max_new_tokens: int | None) -> str:
    """Message about texts that are longer than a transcript may be."""
    return (
        f"{cut:,} of {measured:,} reference texts are longer than task.max_new_tokens ({max_new_tokens}): what is cut "
        "counts as errors; leave max_new_tokens unset, or set it higher"
    )


def named(misfits: Mapping[str, str]) -> dict[str, str]:
    """The first `MOST_NAMED` reasons, for a result."""
    return dict(list(misfits.items())[:MOST_NAMED])


def _lines(reasons: Mapping[str, str]) -> str:
    lines: Iterable[str] = (f"  {id}: {reason}" for id, reason in list(reasons.items())[:_SHOWN])
    more = f"\n  and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return "\n".join(lines) + more
