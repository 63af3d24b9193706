"""Use a selection in training: replace the training utterances by the selected segments without held-out audio."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.data.splits import Splits, without_shared
from engine.errors import SelectionError
from engine.run.provenance.digests import file_sha256
from engine.selection.manifest import read_selected, read_summary, read_tokens


def selected_for_training(folder: Path, manifest: Path, splits: Splits) -> tuple[Splits, list[str]]:
    """The splits of a run with the selected segments as its training utterances.

    Segments from utterances that this run holds out (if it splits differently from the selection) are dropped, and the
    weights of the rest are scaled back to a mean of 1 over their tokens.

    Args:
        folder: of the selection.
        manifest: of the dataset version that the run trains on.
        splits: of the run.

    Returns:
        The splits, and warnings about them.

    Raises:
        SelectionError: the selection belongs to another dataset, or none of its segments is left.
    """
    summary = read_summary(folder)
    if summary["dataset_sha256"] != file_sha256(manifest):
        raise SelectionError(
            f"the selection in {folder} was made from another dataset than {manifest}; "
            "a run trains on the dataset that was selected from: select again"
        )
    selected = read_selected(folder)
    kept = without_shared([*splits.test, *splits.validation], selected)
    warnings = []
    if not kept:
        raise SelectionError(
            f"all {len(selected)} segments of the selection in {folder} hold audio that this run tests on; "
            "select with the split and the seed of the run"
        )
    if len(kept) < len(selected):
        warnings.append(
            f"{len(selected) - len(kept)} of {len(selected)} selected segments hold audio that this run tests on and "
            "were left out; select with the split and the seed of the run"
        )
        tokens = read_tokens(folder)
        mean = sum(u.weight * tokens[u.id] for u in kept) / sum(tokens[u.id] for u in kept)
        kept = [dataclasses.replace(u, weight=u.weight / mean) for u in kept]
    return dataclasses.replace(splits, train=kept), warnings
