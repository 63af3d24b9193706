from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest

from engine.run.store import LocalRunStore
from services.database.models import JOB_STATUSES
from services.errors import ConflictError
from services.jobs.artifacts import find_artifacts
from services.jobs.events import parse_lines, storable
from services.jobs.outcome import judge, newest_error, parse_result
from services.jobs.states import ACTIVE, SUBMITTED, TERMINAL, TRANSITIONS, check_transition
from services.jobs.submission import Driver, DriverState

KILLED = Driver(DriverState.FAILED, "Job entrypoint command failed with exit code -9. No logs available.", -9)


def test_the_table_names_every_state_and_only_those() -> None:
    assert set(TRANSITIONS) == set(JOB_STATUSES)
    assert {state for states in TRANSITIONS.values() for state in states} <= set(JOB_STATUSES)
    assert set(JOB_STATUSES) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL
    assert ACTIVE - {"queued"} == SUBMITTED


def test_what_has_succeeded_stays() -> None:
    for status in JOB_STATUSES:
        with pytest.raises(ConflictError, match="A job that is succeeded cannot become"):
            check_transition("succeeded", status)


def test_an_illegal_change_names_the_legal_ones() -> None:
    with pytest.raises(ConflictError, match="stopped cannot become running; allowed: queued"):
        check_transition("stopped", "running")


@pytest.mark.parametrize(
    ("status", "failures", "driver", "result", "verdict"),
    [
        ("running", 0, Driver(DriverState.SUCCEEDED), {"status": "succeeded"}, "succeeded"),
        ("running", 0, KILLED, {"status": "succeeded"}, "succeeded"),
        ("stopping", 0, Driver(DriverState.SUCCEEDED), {"status": "succeeded"}, "succeeded"),
        ("stopping", 0, Driver(DriverState.SUCCEEDED), {"status": "stopped"}, "stopped"),
        ("stopping", 0, Driver(DriverState.STOPPED), None, "stopped"),
        ("stopping", 2, KILLED, None, "stopped"),
        ("running", 0, KILLED, None, "queued"),
        ("running", 1, KILLED, None, "queued"),
        ("running", 2, KILLED, None, "failed"),
        ("running", 0, Driver(DriverState.MISSING), None, "queued"),
        ("running", 0, Driver(DriverState.SUCCEEDED), None, "queued"),
        ("starting", 0, Driver(DriverState.FAILED, "", 2), None, "failed"),
    ],
)
def test_what_the_end_of_a_driver_means(
    status: str, failures: int, driver: Driver, result: dict[str, str] | None, verdict: str
) -> None:
    judged = judge(status=status, failures=failures, attempts=3, driver=driver, result=result, error_log=None)
    assert judged.status == verdict


def test_a_failure_gives_its_reason() -> None:
    log = "Job entrypoint command failed with exit code 1, last available logs (truncated):\nTraceback\nValueError: no"
    failed = Driver(DriverState.FAILED, log, 1)
    judged = judge(status="running", failures=2, attempts=3, driver=failed, result=None, error_log=None)
    assert judged.reason.endswith(
        "ended 3 times without a result. The last time: Job entrypoint command failed with exit code 1: ValueError: no"
    )
    judged = judge(status="running", failures=2, attempts=3, driver=failed, result=None, error_log="loss is NaN")
    assert judged.reason.endswith("The last time: loss is NaN")


def test_an_old_error_does_not_explain_a_kill() -> None:
    judged = judge(status="running", failures=0, attempts=1, driver=KILLED, result=None, error_log="old trouble")
    assert "old trouble" not in judged.reason
    assert "exit code -9" in judged.reason


def test_the_newest_error_is_found() -> None:
    def log(level: str, message: str) -> dict[str, object]:
        return {"kind": "log", "data": {"level": level, "message": message}}

    assert newest_error([log("error", "first"), log("error", "second"), log("info", "fine")]) == "second"
    assert newest_error([{"kind": "metric", "data": {}}, {"kind": "log", "data": "odd"}]) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe"])
def test_half_a_result_is_none(data: bytes) -> None:
    assert parse_result(data) is None


def test_what_jsonb_refuses_is_mended() -> None:
    mended = storable({"a\0": "b\0\ud800", "n": [math.nan, math.inf, 1.5, None, True, 10**30], "o": Path("x")})
    assert mended == {"a\ufffd": "b\ufffd?", "n": [None, None, 1.5, None, True, 10**30], "o": "x"}
    json.dumps(mended, allow_nan=False).encode()


def test_a_line_cut_short_is_passed_over() -> None:
    assert parse_lines(b'{"kind": "log"}\n[1]\n{"kind": "me') == [{"kind": "log"}]


def test_artifacts_are_measured_or_believed(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    store.put_bytes("adapter/adapter_model.safetensors", b"weights")
    store.put_bytes("result.json", b"{}")
    store.put_bytes("checkpoints/step-00000010/state.json", b"{}")
    store.put_bytes("events/00000000.jsonl", b"")
    store.put_bytes("extra.txt", b"extra")
    told = {"name": "extra", "kind": "note", "size": 5, "sha256": "0" * 64, "key": "extra.txt"}
    gone = {**told, "key": "gone.txt"}
    events = [{"kind": "artifact", "key": "a", "data": data} for data in (told, gone, {"key": "result.json"}, "odd")]
    assert {file.name for file in find_artifacts(store, events)} == {"result.json", "extra"}
    made = {file.name: file for file in find_artifacts(store, events, ("adapter",))}
    assert set(made) == {"adapter/adapter_model.safetensors", "result.json", "extra"}
    assert made["adapter/adapter_model.safetensors"].kind == "adapter"
    assert made["adapter/adapter_model.safetensors"].size == 7
    assert made["adapter/adapter_model.safetensors"].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert made["extra"].sha256 == "0" * 64
