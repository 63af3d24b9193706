from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics.registry import METRICS
from engine.metrics.retrieval import median_rank, ranks, recall_at, retrieval_recalls


def test_the_caption_that_ranks_best_decides() -> None:
    similarity_AT = [
        [0.9, 0.1, 0.8, 0.2],  # a: its captions rank 1st and 4th
        [0.7, 0.6, 0.5, 0.4],  # b: 3rd and 4th
    ]
    audio_ids, text_ids = ["a", "b"], ["a", "a", "b", "b"]
    assert ranks(similarity_AT, audio_ids, text_ids).tolist() == [1, 3]
    assert ranks(np.transpose(similarity_AT), text_ids, audio_ids).tolist() == [1, 2, 2, 1]
    assert retrieval_recalls(similarity_AT, audio_ids, text_ids) == {
        "audio_to_text_recall_at_1": 0.5,
        "audio_to_text_recall_at_5": 1.0,
        "audio_to_text_recall_at_10": 1.0,
        "text_to_audio_recall_at_1": 0.5,
        "text_to_audio_recall_at_5": 1.0,
        "text_to_audio_recall_at_10": 1.0,
    }


def test_recalls_are_registered_metrics() -> None:
    names = retrieval_recalls([[1.0]], ["a"], ["a"]).keys()
    assert names <= METRICS.keys()
    assert {METRICS[name].better for name in names} == {"higher"}


def test_recall_at_1_5_and_10_of_known_ranks() -> None:
    """Recording i has i - 1 texts before its own: ranks 1 to 12. Every text finds its recording first."""
    ids = [str(i) for i in range(12)]
    similarity_AT = np.where(np.arange(12) < np.arange(12)[:, None], 2.0, 0.0) + np.eye(12)
    recalls = retrieval_recalls(similarity_AT, ids, ids)
    assert [recalls[f"audio_to_text_recall_at_{k}"] for k in (1, 5, 10)] == pytest.approx([1 / 12, 5 / 12, 10 / 12])
    found = ranks(similarity_AT, ids, ids)
    assert found.tolist() == list(range(1, 13))
    assert [recall_at(k, found) for k in (1, 12)] == pytest.approx([1 / 12, 1])
    assert (median_rank(found), median_rank(found[[0, 1, 11]])) == (6.5, 2)


def test_ties_with_items_that_do_not_match_lose() -> None:
    ids = ["a", "b", "c"]
    assert ranks(np.zeros((3, 3)), ids, ids).tolist() == [3, 3, 3]
    assert retrieval_recalls(np.zeros((3, 3)), ids, ids)["text_to_audio_recall_at_1"] == 0
    assert ranks([[0.5, 0.5, 0.1]], ["a"], ["a", "b", "c"]).tolist() == [2]
    assert ranks([[-math.inf, -math.inf]], ["a"], ["b", "a"]).tolist() == [2]


def test_ties_among_matching_items_cost_nothing() -> None:
    assert ranks([[0.5, 0.5, 0.5, 0.1]], ["a"], ["a", "a", "a", "b"]).tolist() == [1]
    assert ranks([[0.5, 0.5, 0.5, 0.1]], ["a"], ["a", "b", "a", "b"]).tolist() == [2]


def test_ranks_are_those_of_a_sorted_list() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        item_ids = [*"abcde", *generator.choice(list("abcde"), size=7).tolist()]
        similarity = generator.integers(4, size=(5, 12)).astype(np.float32)
        for q, query_id in enumerate("abcde"):
            listed = sorted(zip(similarity[q], item_ids, strict=True), key=lambda item: (-item[0], item[1] == query_id))
            expected = 1 + [item_id for _, item_id in listed].index(query_id)
            assert ranks(similarity, list("abcde"), item_ids)[q] == expected


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(ValueError, match=r"similarities of shape \(1, 2\), expected \(2, 1\)"):
        ranks([[1, 2]], ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no queries"):
        ranks(np.zeros((0, 1)), [], ["a"])
    with pytest.raises(ValueError, match="no item matches the query 'b'"):
        ranks([[1], [2]], ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no item matches the query 'c'"):  # a text without its recording
        retrieval_recalls([[1, 2]], ["a"], ["a", "c"])
    with pytest.raises(ValueError, match="some similarities of the query 'a' are not a number"):
        ranks([[1, math.nan]], ["a"], ["a", "b"])
