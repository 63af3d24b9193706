"""`lim sweeps`: what a file becomes on a platform, and what is shown of trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.models.catalogue import PROJECT_ROOT
from tests.unit.services.cli.conftest import Lim
from tests.unit.services.cli.stub import Stub
from tests.unit.services.filled import answer_of

ID = "5b1c0000-0000-4000-8000-000000000001"
OTHER = "5b1c0000-0000-4000-8000-000000000002"
SHIPPED = PROJECT_ROOT / "configs" / "sweeps" / "learning-rate.yaml"


def trial(number: int, value: float | None, state: str = "finished", **fields: Any) -> dict[str, Any]:
    return answer_of(
        "TrialResult",
        number=number,
        value=value,
        state=state,
        values={"optimizer.learning_rate": 10.0**-number, "method.groups": ["fusion"]},
        primary="wer",
        step=90,
        seconds=12.0,
        peak_bytes=2**30,
        trainable_parameters=163_840,
        **{"error": None, **fields},
    )


def sweep(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": ID,
        "name": "rates",
        "type": "sweep",
        "status": "succeeded",
        "trials": [trial(1, 0.31), trial(2, 0.12), trial(3, None, "failed", error="the loss is nan")],
        "best": trial(2, 0.12),
        "front": {"peak_bytes": [2], "trainable_parameters": [1, 2]},
        "result": {"best_config": {"max_steps": 7}},
        "error": None,
        **changes,
    }
    return answer_of("SweepOut", **fields)


def job(job_id: str = ID, **changes: Any) -> dict[str, Any]:
    return answer_of(
        "JobOut", **{"id": job_id, "name": "rates", "type": "sweep", "result": None, "error": None, **changes}
    )


def test_a_file_becomes_a_sweep_of_the_platform(lim: Lim, stub: Stub) -> None:
    stub.items("GET /datasets", answer_of("DatasetOut", id=OTHER, name="speech"))
    stub.on("POST /sweeps", job(), 201)
    changes = (
        "--set",
        "search.algorithm.trials=3",
        "--resources",
        "num_workers=2",
        "--budget",
        "wall_s=60",
        "--detach",
    )
    done = lim("sweeps", "run", SHIPPED, "--dataset", "speech", *changes)
    assert (done.exit_code, done.stdout.split()) == (0, [ID]), done.output
    [asked] = stub.sent("POST /sweeps")
    assert asked.body["search"]["algorithm"] == {"type": "optuna", "trials": 3, "random_trials": 4}
    assert asked.body["config"]["max_steps"] == 90
    assert asked.body["resources"] == {"cpus_per_worker": 1, "num_workers": 2}
    told = {name: asked.body[name] for name in ("model_id", "dataset_id", "name", "budget")}
    assert told == {"model_id": "whisper-pico", "dataset_id": OTHER, "name": "learning-rate", "budget": {"wall_s": 60}}
    assert not {"data", "storage", "training"} & asked.body.keys()


def test_faults_of_the_platform_are_shown_by_path(lim: Lim, stub: Stub) -> None:
    errors = [{"path": "search.dimensions.optimizer.rate", "message": "is no field of the training"}]
    stub.on("POST /sweeps", {"code": "invalid_request", "detail": "one fault", "errors": errors}, 422)
    done = lim("sweeps", "run", SHIPPED, "--dataset", OTHER, "--detach")
    assert done.exit_code == 2
    assert "search.dimensions.optimizer.rate: is no field of the training" in done.stderr


def test_trials_are_a_table_with_the_best_and_the_fronts(lim: Lim, stub: Stub) -> None:
    stub.on(f"GET /sweeps/{ID}", sweep())
    shown = lim("sweep", "show", ID)  # the name in the singular works too
    assert shown.exit_code == 0, shown.output
    rows = [line for line in shown.stdout.splitlines() if "WER" in line or "failed" in line]
    assert ["31.0%" in rows[0], "12.0%" in rows[1], "the loss is nan" in rows[2]] == [True] * 3
    assert "2 *" in rows[1] and "memory, parameters" in rows[1] and "0.01" in rows[1] and "163,840" in rows[1]
    assert "parameters" in rows[0] and "memory" not in rows[0]
    assert json.loads(lim("sweeps", "show", ID, "--json").stdout)["front"]["peak_bytes"] == [2]


def test_the_best_is_shown_as_overrides_and_trained(lim: Lim, stub: Stub) -> None:
    stub.on(f"GET /sweeps/{ID}", sweep())
    shown = lim("sweeps", "best", ID)
    assert "Trial 2: WER 12.0% after 90 steps." in shown.stderr
    assert shown.stdout.splitlines() == ["optimizer.learning_rate=0.01", "method.groups=['fusion']"]
    told = json.loads(lim("sweeps", "best", ID, "--json").stdout)
    assert (told["config"], told["best"]["number"]) == ({"max_steps": 7}, 2)
    stub.on(f"POST /sweeps/{ID}/train-best", job(OTHER, type="training"), 201)
    done = lim("sweeps", "best", ID, "--train", "--name", "digits", "--resources", "gpus_per_worker=1", "--detach")
    assert (done.exit_code, done.stdout.split()) == (0, [OTHER]), done.output
    [asked] = stub.sent(f"POST /sweeps/{ID}/train-best")
    assert asked.body == {"name": "digits", "resources": {"gpus_per_worker": 1}}


def test_no_trial_yet(lim: Lim, stub: Stub) -> None:
    stub.on(f"GET /sweeps/{ID}", sweep(trials=[], best=None, status="running", result=None))
    assert "no trial has been validated yet" in lim("sweeps", "best", ID).stderr


@pytest.mark.parametrize("detach", [True, False])
def test_stop_waits_for_the_end(lim: Lim, stub: Stub, detach: bool) -> None:
    stub.on(f"POST /sweeps/{ID}/stop", job(status="stopping"), 202)
    stub.on(f"GET /jobs/{ID}", job(status="stopped"))
    stub.on(f"GET /jobs/{ID}/events", 'id: 1\nevent: status\ndata: {"status": "stopped"}\n\n')
    stopped = lim("sweeps", "stop", ID, *(["--detach"] if detach else []))
    assert stopped.exit_code == 0, stopped.output
    assert ("stopping" if detach else "stopped") in stopped.stderr
    assert bool(stub.sent(f"GET /jobs/{ID}")) is not detach


def test_a_sweep_file_is_recognised_and_checked(lim: Lim, tmp_path: Path) -> None:
    assert "a valid SweepRunConfig" in lim("validate", SHIPPED).stdout
    done = lim("validate", SHIPPED, "--set", "search.dimensions.nose={type: choice, values: [1]}")
    assert done.exit_code == 2
    assert "search.dimensions.nose: is no field of the training" in done.stderr
    assert json.loads(lim("schema", "--kind", "sweep-run").stdout)["title"] == "Sweep run"
