"""Which methods of selection go with which training."""

from __future__ import annotations

import pytest

from engine.config.base import parse
from engine.config.selection import SelectionConfig
from engine.config.selection_for import NEED_ADAPTER, NEED_MODEL, NEED_QUANTISED, selection_faults, selection_for
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.selection.methods import METHODS


def _training(method: str) -> TrainingConfig:
    return TrainingConfig.model_validate({"method": {"type": method}})


def test_the_sets_are_what_the_methods_need() -> None:
    needs = {name: method.needs for name, method in METHODS.items()}
    assert {name for name, needed in needs.items() if needed.full_precision} == NEED_QUANTISED
    assert {name for name, needed in needs.items() if needed.warm_up} == NEED_ADAPTER
    assert {name for name, needed in needs.items() if needed.model} == NEED_MODEL


@pytest.mark.parametrize(
    ("method", "chosen"),
    [
        ("qlora", "quantization_aware"),
        ("lora", "reducible_loss"),
        ("full", "duration_stratified"),
        ("pretrain", "duration_stratified"),
    ],
)
def test_the_default_goes_with_every_training(method: str, chosen: str) -> None:
    config = selection_for(SelectionConfig(seed=7), _training(method))
    assert (config.method.type, config.seed) == (chosen, 7)
    assert selection_faults(config, _training(method)) == []


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("method", ["qlora", "lora", "full", "pretrain"])
def test_a_method_that_does_not_go_with_the_training_is_refused_with_those_that_do(name: str, method: str) -> None:
    selection = parse(SelectionConfig, {"method": {"type": name}})
    needs = METHODS[name].needs
    possible = (
        method == "qlora"
        or not needs.model
        or (method == "lora" and not needs.full_precision)
        or (method == "full" and not (needs.full_precision or needs.warm_up))
    )
    if possible:
        assert selection_for(selection, _training(method)) == selection
        return
    with pytest.raises(ConfigError) as caught:
        selection_for(selection, _training(method))
    [fault] = caught.value.faults
    assert fault.path == "selection.method.type"
    assert fault.message.startswith(f"found {name}, ")
    assert "; give " in fault.message
