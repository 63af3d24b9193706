"""Every family's config gives sizes that the memory model can count with."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.training import TrainingConfig
from engine.families.binding import bind
from engine.memory.architecture import architecture_of
from engine.memory.first_order import peak_memory, trainable_parameters
from engine.models.catalogue import find_model
from tests.contract.pairs import PAIRS, Pair


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_family_s_weights_are_counted(pair: Pair, tmp_path: Path) -> None:
    folder = pair.write_model(tmp_path / "model")
    sizes = architecture_of(find_model(str(folder)))
    config = TrainingConfig.model_validate({"task": {"type": pair.task}, "method": {"type": "lora"}, **pair.config})
    examples = list(pair.examples(tmp_path))
    model = bind(str(folder), config, training=examples).base.model
    weights = sum(parameter.numel() for parameter in model.parameters())
    counted = sizes.linear_parameters + sizes.other_parameters
    # The encoder of a model with a decoder is a part of what is counted; a head is not counted.
    assert weights <= 1.25 * counted
    assert trainable_parameters(sizes, config) > 0
    assert peak_memory(sizes, config, 4).bytes > 4 * counted
