"""Evaluations through real drivers, on a real Ray cluster, with a real object store."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.integration.cluster.conftest import ROOT
from tests.integration.cluster.runs import Run

pytestmark = pytest.mark.timeout(600)


def measure(trained: Run, name: str, **changed: Any) -> tuple[int, str]:
    """Exit code and log of a driver."""
    config = json.loads(trained.store.get_bytes("config.json"))
    adapter = f"s3://{trained.standing.settings.bucket}/runs/{trained.name}/adapter"
    told = {"name": name, "adapter": adapter, **{key: config[key] for key in ("model", "data", "training")}} | changed
    path = trained.path.with_name(f"{name}.yaml")
    path.write_text(yaml.safe_dump(told))
    done = subprocess.run(
        [sys.executable, "-m", "cluster.evaluate", "--config", str(path)],
        cwd=ROOT,
        env=trained.standing.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_adapter_is_measured_again(trained: Run) -> None:
    code, log = measure(trained, "again")
    assert code == 0, log
    result = json.loads(
        trained.store.at(f"s3://{trained.store.bucket}/evaluations/again", trained.standing.settings).get_bytes(
            "result.json"
        )
    )
    before = trained.result()
    assert (result["base"], result["tuned"]) == (before["base"], before["tuned"])
    assert result["groups"] == ["s2"]
    code, log = measure(trained, "again")
    assert code == 0
    assert "has finished already on" in log


def test_what_is_refused(trained: Run) -> None:
    code, log = measure(trained, "two-workers", resources={"num_workers": 2})
    assert (code, "num_workers is 2; an evaluation takes one worker" in log) == (2, True), log
    code, log = measure(trained, "no-adapter", adapter=f"s3://{trained.store.bucket}/nothing/here")
    assert (code, "nothing/here holds no adapter" in log) == (2, True), log
    code, log = measure(trained, "nowhere", resources={"label_selector": {"lim/device-class": "moon"}})
    assert (code, "resources.label_selector: no node can hold a worker" in log) == (2, True), log
