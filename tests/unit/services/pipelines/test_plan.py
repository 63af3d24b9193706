"""What a list of stages declares, and every fault that it may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.config.base import parse
from engine.config.selection_for import selection_for
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from services.database.models import PipelineStage
from services.pipelines.declaration import Declaration, Stage, default_stages, read_plan, settings_of, stage_of
from services.pipelines.runner import open_stages
from services.pipelines.stage import RetryPolicy
from services.pipelines.stages.compare import CompareStage, Gate
from services.pipelines.stages.export import exported
from services.pipelines.stages.select import SelectStage
from services.pipelines.stages.train import TrainStage
from services.pipelines.trainings import candidates

STAGES: TypeAdapter[list[Stage]] = TypeAdapter(list[Stage])
CONFIG = TrainingConfig(max_steps=3)


def faults_of(*stages: dict[str, Any], config: TrainingConfig | None = CONFIG) -> dict[str, str]:
    """Message by path."""
    plan, faults = read_plan(STAGES.validate_python(stages), config)
    assert (plan is None) == bool(faults)
    return {fault.path: fault.message for fault in faults}


def test_the_default_is_one_after_another() -> None:
    plan, faults = read_plan(default_stages(CONFIG), CONFIG)
    assert faults == []
    assert plan is not None
    assert plan.forerunners("export") == ["compare", "evaluate", "train", "select", "validate", "ingest"]
    assert plan.needs["ingest"] == []
    assert exported(plan, "export") == "compare"


@pytest.mark.parametrize("method", ["qlora", "lora", "full", "pretrain"])
def test_the_default_is_a_plan_for_every_method(method: str) -> None:
    config = TrainingConfig.model_validate({"max_steps": 3, "method": {"type": method}})
    stages = default_stages(config)
    plan, faults = read_plan(stages, config)
    assert faults == []
    assert plan is not None
    assert ("export" in plan.stages) == (method in ("qlora", "lora"))
    assert all(
        selection_for(stage.selection, config).method.type != "auto"
        for stage in stages
        if isinstance(stage, SelectStage)
    )


def test_what_would_fail_at_its_end_is_refused_at_its_start() -> None:
    full, pretrain = (TrainingConfig.model_validate({"method": {"type": name}}) for name in ("full", "pretrain"))
    chain = [{"type": "train", "needs": []}, {"type": "evaluate"}, {"type": "compare"}, {"type": "export"}]
    assert faults_of(*chain[:3], config=full) == {}
    assert faults_of(*chain, config=full) == {
        "stages.3.needs": "leads to train, where every weight is trained; a version is of an adapter: train with qlora or "
        "lora, or leave the export out"
    }
    needs_base = (
        "needs the metrics of a base, which evaluate will not measure; let them (base: true), or leave this gate "
    )
    assert faults_of(*chain[:3], config=pretrain) == {
        "stages.2.gates.0.better_than_base": needs_base + "out; a random start has none"
    }
    unmeasured = {"type": "evaluate", "measurement": {"base": False}}
    assert set(faults_of(chain[0], unmeasured, chain[2])) == {"stages.2.gates.0.better_than_base"}
    bound, base = {"metric": "wer", "at_most": 0.2}, {"metric": "cer", "better_than_base": True}
    for gates, faulty in (([], set()), ([bound], set()), ([bound, base], {"stages.2.gates.1.better_than_base"})):
        assert set(faults_of(chain[0], unmeasured, {"type": "compare", "gates": gates})) == faulty
    without = TrainingConfig.model_validate({"evaluation": {"base": False}})
    assert set(faults_of(chain[0], chain[2], config=without)) == {"stages.1.gates.0.better_than_base"}


def test_a_comparison_asks_to_be_better_than_the_base_by_the_primary_metric_unless_it_says_otherwise() -> None:
    (stage,) = STAGES.validate_python([{"type": "compare"}])
    assert isinstance(stage, CompareStage)
    assert stage.gates == [Gate(metric="primary", better_than_base=True)]
    (stage,) = STAGES.validate_python([{"type": "compare", "gates": []}])
    assert isinstance(stage, CompareStage) and stage.gates == []


@pytest.mark.parametrize(
    ("gate", "found"),
    [
        ({}, 0),
        ({"metric": "wer", "better_than_base": False}, 0),
        ({"at_least": 0.5, "at_most": 0.6}, 2),
        ({"at_least": 0.0, "at_most": 0.0, "better_than_base": True}, 3),
    ],
)
def test_a_gate_asks_one_thing(gate: dict[str, Any], found: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Declaration, {"name": "x", "model_id": "m", "stages": [{"type": "compare", "gates": [gate]}]})
    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        ("stages.0.gates.0.at_least", f"found {found} of at_least, at_most and better_than_base; give one of them")
    ]


def test_a_gate_is_of_a_metric_that_there_is() -> None:
    gates = [
        {"metric": "no_such", "at_least": 0.5},
        {"metric": "cer", "at_most": 0.5},
        {"metric": "wer", "at_most": "x"},
    ]
    with pytest.raises(ConfigError) as caught:
        parse(Declaration, {"name": "x", "model_id": "m", "stages": [{"type": "compare", "gates": gates}]})
    told = {fault.path: fault.message for fault in caught.value.faults}
    assert told.keys() == {"stages.0.gates.0.metric", "stages.0.gates.2.at_most"}
    assert "no metric 'no_such'; there are wer, cer" in told["stages.0.gates.0.metric"]


def test_a_selection_that_does_not_go_with_its_training_is_refused() -> None:
    select = {"type": "select", "needs": [], "selection": {"method": {"type": "quantization_aware"}}}
    lora = {"max_steps": 3, "method": {"type": "lora"}}
    assert faults_of(select) == {}
    found = faults_of({**select, "config": lora})
    assert set(found) == {"stages.0.selection.method.type"}
    assert "found quantization_aware, which scores a quantised base, and a training with lora" in found.popitem()[1]


def test_branches() -> None:
    train = {"type": "train", "needs": ["ingest"]}
    evaluate = {"type": "evaluate"}
    stages = STAGES.validate_python(
        [
            {"type": "ingest"},
            {**train, "name": "small"},
            {**train, "name": "large"},
            {**evaluate, "name": "of-small", "needs": ["small"]},
            {**evaluate, "name": "of-large", "needs": ["large", "large"]},
            {"type": "compare", "needs": ["of-small", "of-large"]},
            {"type": "export", "adapter": "digits"},
        ]
    )
    plan, faults = read_plan(stages, CONFIG)
    assert faults == []
    assert plan is not None
    assert candidates(plan, "compare") == ["of-small", "of-large"]
    assert plan.before("of-large", TrainStage) == ["large"]
    assert plan.needs["of-large"] == ["large"]
    assert exported(plan, "export") == "compare"


def test_every_fault_of_the_names_at_once() -> None:
    found = faults_of({"type": "train"}, {"type": "train", "needs": ["ingest", "train"]})
    assert found == {
        "stages.1.name": "'train' is the name of stage 0 too; give another",
        "stages.1.needs.0": "no stage 'ingest'; there are train",
    }


def test_every_fault_between_stages_at_once() -> None:
    found = faults_of(
        {"type": "select", "name": "one", "needs": []},
        {"type": "select", "name": "two", "needs": [], "config": {"max_steps": 1}},
        {"type": "train", "needs": ["one", "two"], "config": {"max_steps": 1}},
        {"type": "evaluate", "needs": ["one"], "resources": {"num_workers": 2}},
        {"type": "compare", "needs": ["two"]},
        {"type": "export", "needs": ["one"]},
        config=None,
    )
    assert found == {
        "stages.0.config": "is not given, and the pipeline has none; give one of them",
        "stages.2.needs": "leads to more than one selection: one, two; a training takes one",
        "stages.3.needs": "leads to these trainings: none; an evaluation measures one",
        "stages.3.resources.num_workers": "is 2; an evaluation takes one worker",
        "stages.4.needs": "leads to no evaluation and no training; there is nothing to compare",
        "stages.5.needs": "leads to no comparison, and to these trainings: none; "
        "an export takes the winner of one, or one training",
    }


def test_stages_that_wait_for_each_other() -> None:
    found = faults_of({"type": "ingest", "needs": ["train"]}, {"type": "train"}, {"type": "validate"})
    assert set(found) == {"stages"}
    assert found["stages"].startswith("stages wait for each other: ")
    assert {"ingest", "train"} <= set(found["stages"].replace(";", "").split())


def test_a_stage_that_waits_for_itself() -> None:
    assert "wait for each other" in faults_of({"type": "ingest", "needs": ["ingest"]})["stages"]


@pytest.mark.parametrize("stage", default_stages(None), ids=lambda stage: str(stage.type))
def test_a_stage_is_kept_and_read_again(stage: Stage) -> None:
    assert stage_of(stage.type, stage.name, settings_of(stage)) == stage


def test_unknown_types_and_fields_are_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        STAGES.validate_python([{"type": "bake"}, {"type": "train", "epochs": 3}])
    assert [error["type"] for error in caught.value.errors()] == ["union_tag_invalid", "extra_forbidden"]


def test_waits_double_up_to_the_most() -> None:
    policy = RetryPolicy(backoff_s=10, most_backoff_s=60)
    assert [policy.wait_s(tries) for tries in (1, 2, 3, 4, 5, 10_000)] == [10, 20, 40, 60, 60, 60]


def _layers(width: int, depth: int) -> list[dict[str, Any]]:
    """Each stage of a layer needs every one of the layer before: width ** depth ways through."""
    return [
        {
            "type": "validate",
            "name": f"v{layer}-{place}",
            "needs": [f"v{layer - 1}-{other}" for other in range(width)] if layer else [],
        }
        for layer in range(depth)
        for place in range(width)
    ]


def test_each_stage_is_looked_at_once_however_many_ways_lead_to_it() -> None:
    stages = _layers(3, 16)  # 43 million ways
    plan, faults = read_plan(STAGES.validate_python(stages), CONFIG)
    assert plan is not None and faults == []

    class Counted(dict[str, Sequence[str]]):
        looks = 0

        def get(self, key: str, default: Any = None) -> Any:
            self.looks += 1
            return super().get(key, default)

    plan.needs = counted = Counted(plan.needs)
    assert set(plan.forerunners("v15-0")) == {stage["name"] for stage in stages} - {"v15-0", "v15-1", "v15-2"}
    assert counted.looks <= len(stages)


def test_what_may_still_begin_is_found_in_one_pass() -> None:
    rows = {
        stage["name"]: PipelineStage(name=stage["name"], type="validate", needs=stage["needs"], status="waiting")
        for stage in _layers(3, 16)
    }
    rows["v0-0"].status, rows["v0-1"].status = "succeeded", "running"
    assert open_stages(rows) == rows.keys()
    rows["v7-1"].status = "failed"
    # Its own layer may still begin; each later one needs it, or a stage that does.
    assert open_stages(rows) == {name for name in rows if int(name[1:].split("-")[0]) <= 7 and name != "v7-1"}


def test_a_stage_needs_no_more_stages_than_there_may_be() -> None:
    with pytest.raises(ValidationError, match="at most 50"):
        STAGES.validate_python([{"type": "validate", "needs": ["ingest"] * 51}])


SEARCH = {
    "dimensions": {"optimizer.learning_rate": {"type": "choice", "values": [1e-3, 1e-2]}},
    "algorithm": {"type": "grid"},
}


def test_a_sweep_goes_with_its_training_and_the_training_after_it_has_none_of_its_own() -> None:
    config = TrainingConfig.model_validate({"max_steps": 20, "evaluation": {"every_steps": 5}})
    chain = [{"type": "sweep", "needs": [], "search": SEARCH}, {"type": "train"}]
    assert faults_of(*chain, config=config) == {}
    assert set(faults_of(*chain, config=TrainingConfig(max_steps=20))) == {"stages.0.config.evaluation.every_steps"}
    assert set(faults_of(*chain, config=None)) == {"stages.0.config", "stages.1.config"}
    own = {"type": "train", "config": {"max_steps": 3}}
    assert faults_of(chain[0], own, config=config) == {
        "stages.1.config": "is given, and sweep searches for one; leave out one of them"
    }
    other = {"type": "sweep", "name": "other", "search": SEARCH}
    assert faults_of(chain[0], other, chain[1], config=config) == {
        "stages.2.needs": "leads to more than one sweep: other, sweep; a training takes one"
    }
    wrong = {"dimensions": {"nose": {"type": "choice", "values": [1]}}, "algorithm": {"type": "grid"}}
    assert set(faults_of({**chain[0], "search": wrong}, chain[1], config=config)) == {"stages.0.search.dimensions.nose"}
