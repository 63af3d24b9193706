"""A training that cannot have its effect is refused before it is queued."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from services.jobs.checks import training_faults

DECIDING: tuple[dict[str, Any], ...] = (
    {"evaluation": {"every_steps": 5, "keep": "best"}},
    {"evaluation": {"every_steps": 5, "early_stopping_patience": 2}},
    {"evaluation": {"every_steps": 5}, "schedule": {"type": "plateau"}},
)


def _paths(statistics: dict[str, Any], gpus: float = 0.0, **fields: Any) -> list[str]:
    config = TrainingConfig.model_validate(fields)
    return [fault.path for fault in training_faults(config, ResourcesConfig(gpus_per_worker=gpus), statistics)]


@pytest.mark.parametrize("fields", DECIDING)
def test_decisions_need_validation_utterances(fields: dict[str, Any]) -> None:
    none: dict[str, Any] = {"split": {"validation_fraction": 0.0}}
    assert len(_paths({"splits": {"train": 90, "test": 10}}, **fields, **none)) == 1
    assert len(_paths({"splits": {}}, **fields, **none)) == 1
    assert _paths({"splits": {"train": 80, "validation": 10, "test": 10}}, **fields, **none) == []
    assert _paths({"splits": {}}, **fields, split={"validation_fraction": 0.1}) == []
    named = {"validation_fraction": 0.0, "validation_groups": ["anna"]}
    assert _paths({"splits": {}}, **fields, split=named) == []


def test_a_run_that_decides_nothing_needs_none() -> None:
    fields: dict[str, Any] = {"evaluation": {"every_steps": 5}, "split": {"validation_fraction": 0.0}}
    assert _paths({"splits": {}}, **fields) == []


def test_paged_states_need_a_gpu() -> None:
    optimizer = {"type": "paged_adamw_8bit"}
    assert _paths({"splits": {}}, optimizer=optimizer) == ["config.optimizer.type"]
    assert _paths({"splits": {}}, gpus=1.0, optimizer=optimizer) == []
    assert _paths({"splits": {}}, optimizer={"type": "adamw_8bit"}) == []


def test_a_request_names_no_file_of_the_server() -> None:
    decoding = {"beams": 20, "language_model": "/etc/passwd"}
    assert _paths({}, task={"decoding": decoding}) == ["config.task.decoding.language_model"]
    assert _paths({}, task={"decoding": {"beams": 20}}) == []
