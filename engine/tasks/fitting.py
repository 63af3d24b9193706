"""Drop utterances that do not fit the model, and name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.data.example import Utterance
from engine.errors import TrainingError

_SHOWN: Final = 20
MOST_NAMED: Final = 100
"""Maximum number of utterances named in a result; the run's files name all."""


def without(utterances: Sequence[Utterance], misfits: Mapping[str, str], part: str) -> list[Utterance]:
    """The utterances of a split that fit the model.

    Raises:
        TrainingError: the split has utterances, and none fits.
    """
    kept = [u for u in utterances if u.id not in misfits]
    if utterances and not kept:
        reasons = {u.id: misfits[u.id] for u in utterances}
        raise TrainingError(
            f"none of the {len(utterances)} utterances to {part} fits the model; cut them, or take another model:\n"
            f"{_lines(reasons)}"
        )
    return kept


def left_out_note(misfits: Mapping[str, str]) -> str:
    """Message that names the utterances that are left out."""
    count = f"{len(misfits):,} utterance{' does' if len(misfits) == 1 else 's do'} not fit the model and"
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
