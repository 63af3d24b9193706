"""What a job's row becomes: the module and the config of its driver."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cluster.config import EvaluationRunConfig, RunConfig
from cluster.selection.config import SelectionRunConfig
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.models.reference import ModelReference
from services.database.models import Job
from services.jobs.drivers import driver_of

TRAINED = uuid.UUID(int=7)


def _job(type: str, method: str = "qlora", **columns: Any) -> Job:
    config = TrainingConfig.model_validate({"max_steps": 3, "method": {"type": method}})
    fields: dict[str, Any] = {
        "id": uuid.UUID(int=1),
        "type": type,
        "model_id": "whisper-pico",
        "model": {"id": "whisper-pico", "source": "bundled:whisper-pico", "family": "whisper", "revision": None},
        "dataset_id": uuid.UUID(int=2),
        "dataset_version": 3,
        "config": config.model_dump(mode="json"),
        "resources": {
            "num_workers": 1,
            "cpus_per_worker": 2,
            "memory_bytes_per_worker": 2**30,
            "threads_per_worker": 2,
            "max_failures": 5,
        },
    }
    return Job(**fields | columns)


def test_a_training() -> None:
    module, config = driver_of(_job("training", selection_id=TRAINED), "bucket")
    assert module == "cluster.train"
    assert isinstance(config, RunConfig)
    assert config.data == f"s3://bucket/datasets/{uuid.UUID(int=2)}/v3"
    assert config.selection == f"s3://bucket/runs/{TRAINED}/selection"
    assert config.training.max_steps == 3


def test_a_selection_takes_its_resources() -> None:
    chosen = SelectionConfig.model_validate({"method": {"type": "random"}}).model_dump(mode="json")
    module, config = driver_of(_job("selection", selection=chosen), "bucket")
    assert module == "cluster.select"
    assert isinstance(config, SelectionRunConfig)
    assert config.selection.method.type == "random"
    asked = config.resources
    assert (asked.most_workers, asked.memory_bytes_per_worker, asked.threads_per_worker, asked.max_failures) == (
        1,
        2**30,
        2,
        5,
    )


@pytest.mark.parametrize(
    ("method", "model", "adapter", "base_model"),
    [
        ("qlora", "whisper-pico", f"s3://bucket/runs/{TRAINED}/adapter", None),
        ("lora", "whisper-pico", f"s3://bucket/runs/{TRAINED}/adapter", None),
        ("full", f"s3://bucket/runs/{TRAINED}/model", None, "whisper-pico"),
        ("pretrain", f"s3://bucket/runs/{TRAINED}/model", None, None),
    ],
)
def test_an_evaluation_measures_what_was_trained_and_its_base(
    method: str, model: str, adapter: str | None, base_model: str | None
) -> None:
    measurement = MeasurementConfig(split="all").model_dump(mode="json")
    module, config = driver_of(_job("evaluation", method, training_id=TRAINED, measurement=measurement), "bucket")
    assert module == "cluster.evaluate"
    assert isinstance(config, EvaluationRunConfig)
    assert isinstance(config.model, ModelReference)
    base = config.base_model
    assert not isinstance(base, str)
    assert (config.model.name, config.adapter, base.name if base else None) == (model, adapter, base_model)
    assert config.model.family == "whisper"
    assert config.measurement.split == "all"


@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        ({"num_workers": 1, "cpus_per_worker": 1}, 1),
        ({"num_workers": 1, "cpus_per_worker": 3.5, "threads_per_worker": None}, 4),
        ({"num_workers": 1, "cpus_per_worker": 4, "threads_per_worker": 2}, 2),
        ({"num_workers": 1, "cpus_per_worker": 0.5, "threads_per_worker": 64}, 1),  # of an earlier release
    ],
)
def test_a_worker_has_no_more_threads_than_cpus(asked: dict[str, Any], threads: int) -> None:
    _, config = driver_of(_job("training", resources=asked), "bucket")
    assert isinstance(config, RunConfig)
    assert config.resources.threads_per_worker == threads
