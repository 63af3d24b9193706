"""The driver's command line, up to where a cluster would be needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.config import RunConfig
from cluster.finished import given_again
from cluster.launch import _SAME, check_same_run
from cluster.narrator import Narrator, evaluation_line, step_line
from cluster.train import main, read_run_config
from engine.config.base import parse, read_yaml
from engine.errors import ConfigError
from engine.run.events import Event
from engine.run.provenance.inputs import Inputs, begin
from engine.run.store import LocalRunStore

ROOT = Path(__file__).resolve().parents[3]
RUNS = sorted((ROOT / "configs" / "runs").glob("*.yaml"))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_shipped_run_is_valid(path: Path) -> None:
    run = parse(RunConfig, read_yaml(path))
    if not run.data.startswith("s3://"):
        assert (ROOT / run.data).exists()


def test_overrides_are_laid_over_the_file() -> None:
    run = read_run_config(str(RUNS[0]), ["training.max_steps=7", "name=other", "resources.num_workers=2"])
    assert (run.training.max_steps, run.name, run.resources.num_workers) == (7, "other", 2)


def test_a_faulty_override(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(RUNS[0]), "--set", "training.max_steps"]) == 2
    assert "an override is written path=value" in capsys.readouterr().err


def test_no_such_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "nowhere.yaml"]) == 2
    assert "no config file at nowhere.yaml" in capsys.readouterr().err


def test_help_shows_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "python -m cluster.train --config configs/runs/digits-qlora.yaml --set training.max_steps=50" in told
    assert "ray job submit --working-dir . -- python -m cluster.train" in told


def test_a_run_that_began_with_another_config(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    run = parse(RunConfig, read_yaml(RUNS[0]))
    check_same_run(store, run, _SAME)
    store.put_bytes("config.json", run.model_dump_json().encode())
    more = run.model_copy(update={"resources": run.resources.model_copy(update={"num_workers": 2})})
    check_same_run(store, more, _SAME)
    other = read_run_config(str(RUNS[0]), ["training.max_steps=7", "training.optimizer.learning_rate=0.1"])
    with pytest.raises(ConfigError) as raised:
        check_same_run(store, other, _SAME)
    paths = [fault.path for fault in raised.value.faults]
    assert paths == ["training.max_steps", "training.optimizer.learning_rate", "name"]
    assert raised.value.faults[0].message == "found 7; the run of the same name that began before has 500"


def test_a_finished_result_is_given_for_its_own_inputs_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    caplog.set_level(logging.INFO)
    store = LocalRunStore(tmp_path)
    inputs = Inputs(settings={"model": "whisper-pico"}, files={"data": {"manifest.jsonl": "aa"}})
    begin(store, inputs, parts=())
    store.put_bytes("result.json", b'{"status": "succeeded", "finished_at": "2026-11-29T10:00:00Z"}')
    assert given_again(store, inputs, "trained", logging.getLogger("test"))["status"] == "succeeded"
    told = "This has finished already on 2026-11-29T10:00:00Z: nothing was trained this time"
    assert told in caplog.text
    events = [json.loads(line) for key in store.list("events") for line in store.get_bytes(key).splitlines()]
    assert [(e["data"]["level"], told in e["data"]["message"]) for e in events] == [("notice", True)]
    with pytest.raises(ConfigError, match="data: found other recordings or texts"):
        given_again(
            store,
            inputs.model_copy(update={"files": {"data": {"manifest.jsonl": "bb"}}}),
            "trained",
            logging.getLogger("test"),
        )


def test_progress_is_told_from_events(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    caplog.set_level(logging.INFO)
    store = LocalRunStore(tmp_path)

    def write(part: int, *events: Event) -> None:
        lines = "".join(json.dumps(event.to_json()) + "\n" for event in events)
        store.put_bytes(f"events/{part:08d}.jsonl", lines.encode())

    write(0, Event("log", "old", {"level": "info", "message": "of an earlier launch"}))
    narrator = Narrator(store, logging.getLogger("test"))
    assert not narrator.has_begun
    write(1, Event("status", "a/training", {"phase": "training"}), Event("metric", "train/1", {"step": 1, "loss": 2.0}))
    write(2, Event("metric", "train/2", {"step": 2, "loss": 1.0}))
    found = {"primary": "wer", "metrics": {"wer": 0.125, "cer": 0.05}}
    write(3, Event("metric", "e", {"split": "test", "which": "tuned", "step": 2, **found}))
    write(4, Event("metric", "f", {"split": "test", "which": "adapter", "wer": 0.25, "cer": 0.1, "step": 2}))
    narrator.look(now=True)
    narrator.look(now=True)
    assert narrator.has_begun
    assert [record.message for record in caplog.records] == [
        "training",
        "step 1  loss 2.0000",
        "tuned on test: WER 12.5%, CER 5.0% at step 2",
        "tuned on test: WER 25.0%, CER 10.0% at step 2",  # as an earlier release wrote it
    ]


def test_lines() -> None:
    data = {
        "step": 120,
        "total_steps": 800,
        "loss": 0.51234,
        "learning_rate": 0.0021,
        "cost_per_s": 41.26,
        "cost_unit": "audio_s",
        "peak_bytes": 900 * 2**20,
        "eta_s": 62.0,
    }
    assert step_line(data) == "step 120/800  loss 0.5123  lr 2.10e-03  41.3 audio-s/s  900 MiB  1:02 left"
    english = {"split": "test", "which": "base", "primary": "wer", "metrics": {"wer": 0.5}}
    assert evaluation_line(english) == "base on test: WER 50.0%"
    chinese = {"split": "test", "which": "base", "primary": "cer", "metrics": {"wer": 1.0, "cer": 0.25}}
    assert evaluation_line(chinese) == "base on test: CER 25.0%, WER 100.0%"
