"""A step of each family is what plain transformers, peft and torch compute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.pairs import PAIRS, Pair
from tests.reference.arithmetic import PLAIN, TOLERANCE, difference


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.name in PLAIN], ids=lambda pair: pair.name)
def test_loss_and_gradients_are_those_of_plain_libraries(pair: Pair, tmp_path: Path) -> None:
    found = difference(pair, tmp_path)
    assert found.weights > 10 and found.plain_loss > 0.1
    assert found.loss_difference < TOLERANCE
    assert found.gradient_difference < TOLERANCE
