"""Retrieval of texts for recordings and of recordings for texts.

Legend: A recordings, T texts, Q queries, I items that are ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.registry import Values

_CUTOFFS: Final = (1, 5, 10)


def retrieval_recalls(similarity_AT: ArrayLike, audio_ids: Sequence[str], text_ids: Sequence[str]) -> Values:
    """Recall at 1, 5 and 10 both ways, by the metrics' names: `audio_to_text_recall_at_1`, ...

    Args:
        similarity_AT: similarity of each recording and each text; larger is closer.
        audio_ids: id of each recording.
        text_ids: id of the recording that each text describes; several captions share one.

    Raises:
        ValueError: as `ranks`.

    Source: as usual for AudioCaps and Clotho; a recording's caption that ranks best decides.
    """
    similarity = np.asarray(similarity_AT)
    text_ranks_A = ranks(similarity, audio_ids, text_ids)
    audio_ranks_T = ranks(similarity.T, text_ids, audio_ids)
    return {
        f"{direction}_recall_at_{k}": recall_at(k, ranks_Q)
        for direction, ranks_Q in (("audio_to_text", text_ranks_A), ("text_to_audio", audio_ranks_T))
        for k in _CUTOFFS
    }


def ranks(similarity_QI: ArrayLike, query_ids: Sequence[str], item_ids: Sequence[str]) -> NDArray[np.int64]:
    """Rank of each query's best matching item, from 1; shape Q.

    Items match a query that has their id. An item that does not match and is as similar as the best matching one ranks
    before it, so a model that finds everything equally similar finds nothing.

    Raises:
        ValueError: no queries, another shape than the ids, similarities that are not a number, or a query without a
            matching item.
    """
    similarity = np.asarray(similarity_QI)
    if similarity.shape != (len(query_ids), len(item_ids)):
        raise ValueError(f"similarities of shape {similarity.shape}, expected ({len(query_ids)}, {len(item_ids)})")
    if not len(query_ids):
        raise ValueError("there are no queries to rank items for")
    matching: dict[str, list[int]] = {}
    for i, item_id in enumerate(item_ids):
        matching.setdefault(item_id, []).append(i)
    found_Q = np.empty(len(query_ids), dtype=np.int64)
    for q, query_id in enumerate(query_ids):
        if query_id not in matching:
            raise ValueError(f"no item matches the query {query_id!r}")
        row_I = similarity[q]
        if np.isnan(row_I).any():
            raise ValueError(f"some similarities of the query {query_id!r} are not a number")
        own = row_I[matching[query_id]]
        best = own.max()
        found_Q[q] = 1 + np.count_nonzero(row_I >= best) - np.count_nonzero(own == best)
    return found_Q


def recall_at(k: int, ranks_Q: NDArray[np.int64]) -> float:
    """Share of queries with a matching item among the first `k`."""
    return float(np.mean(ranks_Q <= k))


def median_rank(ranks_Q: NDArray[np.int64]) -> float:
    """Median of the ranks; 1 is best."""
    return float(np.median(ranks_Q))
