"""What each kind of job is asked, and what the module and the config of its driver are."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import EvaluationRunConfig, ResourcesConfig, RunConfig
from cluster.selection.config import SelectionRunConfig
from engine.config.base import Config, DisagreementError
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.memory.sizes import sizes_of
from engine.models.catalogue import load_catalogue
from engine.models.reference import ModelReference
from services.api.job_models import JobBody, NewJob, job_body
from services.database.models import Job
from services.errors import InvalidRequestError
from services.jobs.kinds.contract import BESIDE_BYTES, JobKind, JobRequest, Platform, UnreadableSpecError
from services.jobs.kinds.registry import KINDS, read_spec
from services.jobs.kinds.training import Training, TrainingSpec
from services.jobs.lanes import lanes_of
from services.pipelines.registry import STAGES
from services.pipelines.stages.job import JobStage
from services.settings import Settings, load_settings
from tests.toy_kind import ToyKind
from tuning.sweep.config import SweepRunConfig

TRAINED = uuid.UUID(int=7)
DATASET = uuid.UUID(int=2)


def _job(type: str, method: str = "qlora", resources: Mapping[str, Any] | None = None, **spec: Any) -> Job:
    config = TrainingConfig.model_validate({"max_steps": 3, "method": {"type": method}})
    return Job(
        id=uuid.UUID(int=1),
        type=type,
        model_id="whisper-pico",
        model={"id": "whisper-pico", "source": "bundled:whisper-pico", "family": "whisper", "revision": None},
        dataset_id=DATASET,
        dataset_version=3,
        spec={"config": config.model_dump(mode="json"), **spec},
        resources=resources
        or {
            "num_workers": 1,
            "cpus_per_worker": 2,
            "memory_bytes_per_worker": 2**30,
            "threads_per_worker": 2,
            "max_failures": 5,
        },
    )


def driver_of(job: Job) -> tuple[str, Config]:
    """What the reconciler submits."""
    kind, spec = read_spec(job)
    return asyncio.run(kind.driver(job, spec, Platform(AsyncSession(), Settings.model_construct(), "bucket")))


# ---- drivers --------------------------------------------------------------------------------------------------


def test_a_training() -> None:
    module, config = driver_of(_job("training", selection_id=str(TRAINED)))
    assert module == "cluster.train"
    assert isinstance(config, RunConfig)
    assert config.data == f"s3://bucket/datasets/{DATASET}/v3"
    assert config.storage == f"s3://bucket/runs/{uuid.UUID(int=1)}"
    assert config.selection == f"s3://bucket/runs/{TRAINED}/selection"
    assert config.training.max_steps == 3


def test_a_selection_takes_its_resources() -> None:
    chosen = SelectionConfig.model_validate({"method": {"type": "random"}}).model_dump(mode="json")
    module, config = driver_of(_job("selection", selection=chosen))
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
    module, config = driver_of(_job("evaluation", method, training_id=str(TRAINED), measurement=measurement))
    assert module == "cluster.evaluate"
    assert isinstance(config, EvaluationRunConfig)
    assert isinstance(config.model, ModelReference)
    base = config.base_model
    assert not isinstance(base, str)
    assert (config.model.name, config.adapter, base.name if base else None) == (model, adapter, base_model)
    assert config.model.family == "whisper"
    assert config.measurement.split == "all"


RANKS = {"method.rank": {"type": "choice", "values": [2, 64]}}


def _sweep(**search: Any) -> Job:
    config = TrainingConfig.model_validate({"max_steps": 3, "evaluation": {"every_steps": 1}})
    spec = {"config": config.model_dump(mode="json"), "search": {"dimensions": RANKS, **search}}
    return _job("sweep", resources={"num_workers": 3, "cpus_per_worker": 2, "memory_bytes_per_worker": 2**30}, **spec)


def test_a_sweep_runs_as_many_trials_at_once_as_the_job_has_workers() -> None:
    module, config = driver_of(_sweep())
    assert module == "tuning.sweep"
    assert isinstance(config, SweepRunConfig)
    asked = config.resources
    assert (asked.trials_at_once, asked.cpus_per_trial, asked.memory_bytes_per_trial, asked.threads_per_trial) == (
        3,
        2,
        2**30,
        2,
    )
    assert config.search.dimensions.keys() == RANKS.keys()
    assert config.storage == f"s3://bucket/runs/{uuid.UUID(int=1)}"


def test_a_sweep_is_sized_by_its_heaviest_trial_which_does_not_measure_the_base() -> None:
    pico = sizes_of(next(card for card in load_catalogue() if card.id == "whisper-pico"))
    kind, spec = read_spec(_sweep(algorithm={"type": "random", "trials": 4}))
    training = kind.training(spec)
    assert training is not None
    assert (training.method.model_dump()["rank"], training.evaluation.base) == (64, False)
    few = kind.kept_bytes(spec, pico)
    _, spec = read_spec(_sweep(algorithm={"type": "random", "trials": 40}))
    assert kind.kept_bytes(spec, pico) > few > kind.kept_bytes(spec, None) == BESIDE_BYTES


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
    _, config = driver_of(_job("training", resources=asked))
    assert isinstance(config, RunConfig)
    assert config.resources.threads_per_worker == threads


# ---- the registry ---------------------------------------------------------------------------------------------


def test_names_agree_and_each_stage_that_is_a_job_names_a_kind() -> None:
    assert all(name == kind.name for name, kind in KINDS.items())
    for name, stage in STAGES.items():
        assert stage.declaration.model_fields["type"].default == name
        assert not isinstance(stage, JobStage) or stage.job_kind in KINDS


@pytest.mark.parametrize(
    ("type", "spec", "path"),
    [
        ("distillation", {}, "type"),
        ("training", {"config": {"max_stepps": 3}}, "spec.config.max_stepps"),
        ("training", {"config": {}, "teacher": "whisper-large"}, "spec.teacher"),
        ("evaluation", {"config": {}}, "spec.training_id"),
    ],
)
def test_what_another_release_asked_is_unreadable_and_says_why(type: str, spec: dict[str, Any], path: str) -> None:
    with pytest.raises(UnreadableSpecError) as raised:
        read_spec(Job(type=type, spec=spec))
    assert [fault.path for fault in raised.value.faults] == [path]
    assert (raised.value.code, path in raised.value.detail) == ("not_allowed_any_more", True)


def test_only_a_training_keeps_checkpoints_and_a_kind_may_need_no_estimate() -> None:
    pico = sizes_of(next(card for card in load_catalogue() if card.id == "whisper-pico"))
    found = {}
    for name in KINDS.keys() - {"ingestion", "sweep"}:
        kind, spec = read_spec(_job(name, **({"training_id": str(TRAINED)} if name == "evaluation" else {})))
        found[name] = kind.kept_bytes(spec, pico)
        assert kind.kept_bytes(spec, None) == BESIDE_BYTES
        training = kind.training(spec)
        assert training is not None and training.max_steps == 3
    assert found["training"] > BESIDE_BYTES
    assert (found["selection"], found["evaluation"]) == (BESIDE_BYTES, BESIDE_BYTES)
    toy = ToyKind()
    assert toy.training(toy.spec(words=["one"])) is None
    ingestion = KINDS["ingestion"]
    spec = ingestion.spec(source="upload")
    assert (ingestion.training(spec), ingestion.kept_bytes(spec, None)) == (None, 0)


def test_every_lane_of_a_kind_has_slots_and_limits(tmp_path: Path) -> None:
    environ = {"LIM_IMPORT_SLOTS": "5", "LIM_DATASET_SLOTS": "3", "LIM_HOME": str(tmp_path)}
    settings = load_settings(environ, database_url="postgresql://nobody@127.0.0.1/nothing")
    lanes = lanes_of(settings)
    assert lanes.keys() == {lane for kind in KINDS.values() for lane in kind.lanes}
    assert {name: lane.slots for name, lane in lanes.items()} == {"fetch": 5, "ingest": 3}


def test_a_kind_is_asked_its_own_and_for_model_and_data_where_it_needs_them() -> None:
    asked = TrainingSpec(config=TrainingConfig())
    request = JobRequest(kind="training", asked=asked, resources=ResourcesConfig(), model_id="whisper-pico")
    assert request.asked_as(TrainingSpec) is asked
    with pytest.raises(TypeError, match="a training is asked a MeasurementConfig, not a TrainingSpec"):
        request.asked_as(MeasurementConfig)
    with pytest.raises(InvalidRequestError) as raised:
        request.model_and_dataset()
    assert [str(fault) for fault in raised.value.faults] == ["dataset_id: is not given; a training needs it"]


# ---- the body of POST /jobs -----------------------------------------------------------------------------------


def _body(made: type[NewJob] = JobBody, **fields: Any) -> NewJob:
    return made.model_validate({"model_id": "whisper-pico", "dataset_id": str(DATASET)} | fields)


def _paths(error: ValidationError) -> list[str]:
    found: list[str] = []
    for item in error.errors():
        between = item.get("ctx", {}).get("error")
        if isinstance(between, DisagreementError):
            found += [fault.path for fault in between.faults]
        else:
            found.append(".".join(str(part) for part in item["loc"]))
    return found


def test_a_body_becomes_what_its_kind_is_asked() -> None:
    settings = Settings.model_construct(cpu_hour_price=0.0, gpu_hour_price=0.0)
    config = {"max_steps": 3}
    training = _body(config=config, selection_id=str(TRAINED), budget={"wall_s": 5}).request(settings)
    assert training.asked_as(TrainingSpec).selection_id == TRAINED
    assert (training.kind, training.dataset_id, training.budget) == ("training", DATASET, {"wall_s": 5})
    selection = _body(config=config, type="selection", selection=None).request(settings)
    assert selection.asked_as(KINDS["selection"].spec).model_dump()["selection"] == SelectionConfig().model_dump()
    with pytest.raises(InvalidRequestError, match="one fault"):
        _body(config=config, budget={"cost": 5}).request(settings)


def test_the_fields_of_another_kind_must_be_unset() -> None:
    for fields, paths in (
        ({"selection": {}}, ["selection"]),
        ({"type": "selection", "selection_id": str(TRAINED)}, ["selection_id"]),
        ({"type": "evaluation"}, ["type"]),
        ({"measurement": {}}, ["measurement"]),
    ):
        with pytest.raises(ValidationError) as raised:
            _body(config={"max_steps": 3}, **fields)
        assert _paths(raised.value) == paths


def test_the_body_has_the_fields_of_a_further_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dict_of(KINDS), "toy", ToyKind())
    made = job_body(KINDS)
    toy = _body(made, type="toy", words=["one"]).request(Settings.model_construct())
    assert toy.asked_as(ToyKind.spec).words == ["one"]
    for fields, paths in (
        ({"type": "toy"}, ["words"]),
        ({"type": "toy", "words": ["one"], "config": {"max_steps": 3}}, ["config"]),
        ({"type": "training"}, ["config"]),
        ({"type": "training", "config": {"max_steps": 3}, "words": []}, ["words"]),
    ):
        with pytest.raises(ValidationError) as raised:
            _body(made, **fields)
        assert _paths(raised.value) == paths
    assert made.model_json_schema()["properties"]["type"]["enum"] == ["training", "selection", "toy"]
    assert "measurement" not in made.model_fields  # the route of evaluations takes it


def test_two_kinds_give_a_name_one_meaning() -> None:
    class Other(Config):
        config: int

    class OtherKind(Training):
        name = "other"
        spec = Other  # type: ignore[assignment]

    with pytest.raises(TypeError, match="the kinds training, other have different fields 'config'"):
        job_body({"training": Training(), "other": OtherKind()})


def dict_of(kinds: Mapping[str, JobKind[Any]]) -> dict[str, JobKind[Any]]:
    """The registry, to which a test adds a kind."""
    assert isinstance(kinds, dict)
    return kinds
