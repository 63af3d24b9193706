"""What the end of a driver means for its job: success, a stop, a resubmission or a failure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.run.earlier import todays_result
from services.jobs.kinds.contract import JobKind
from services.jobs.submission import Driver, DriverState

NOT_WORTH_REPEATING: Final = frozenset({2})
"""Exit codes of a driver that would fail again in a retry: it rejects the config or the data."""
_EXCEPTIONS: Final = frozenset({1, 2})
_LONGEST_REASON: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """A job's next status, and why."""

    status: str
    reason: str = ""
    refused: bool = False
    """Whether a retry would fail the same way."""


def judge(
    *,
    status: str,
    failures: int,
    attempts: int,
    driver: Driver,
    result: Mapping[str, Any] | None,
    error_log: str | None,
    interrupted: str = JobKind.interrupted,
) -> Verdict:
    """Decide the next status of a job whose driver has ended.

    Args:
        status: current status of the job.
        failures: number of drivers of this job that died before this one.
        attempts: number of dead drivers at which the job fails.
        driver: what Ray reports about this driver.
        result: `result.json`, if the run wrote one.
        error_log: the newest error in the run's log.
        interrupted: what the kind says of a driver that died too often.
    """
    ended = result.get("status") if result else None
    if ended == "succeeded":
        return Verdict("succeeded")
    if ended == "stopped" or status == "stopping":
        return Verdict("stopped")
    if driver.refused:
        return Verdict("failed", driver.message[:_LONGEST_REASON], refused=True)
    # If the driver was killed, the newest error in the log is from an earlier driver.
    reason = error_log if error_log and driver.exit_code in _EXCEPTIONS else _reason(driver)
    if driver.exit_code in NOT_WORTH_REPEATING:
        return Verdict("failed", reason[:_LONGEST_REASON], refused=True)
    if failures + 1 < attempts:
        return Verdict("queued", reason[:_LONGEST_REASON])
    times = "once" if failures == 0 else f"{failures + 1} times"
    told = f"{interrupted.format(times=times)}. The last time: {reason}"
    return Verdict("failed", told[:_LONGEST_REASON])


def newest_error(events: Iterable[Mapping[str, Any]]) -> str | None:
    """The message of the newest error among events."""
    newest = None
    for event in events:
        data = event.get("data")
        if event.get("kind") == "log" and isinstance(data, Mapping) and data.get("level") == "error":
            newest = str(data.get("message", ""))
    return newest or None


def parse_result(data: bytes) -> dict[str, Any] | None:
    """Parse `result.json`; None if it is not a JSON object."""
    try:
        result = json.loads(data)
    except ValueError:
        return None
    return todays_result(result) if isinstance(result, dict) else None


def _reason(driver: Driver) -> str:
    """Ray's message without its log excerpt, then the log's last line, which names the exception."""
    if driver.state is DriverState.MISSING:
        return driver.message or "the cluster no longer knows the driver; it was restarted"
    if driver.state is DriverState.SUCCEEDED:
        return "it ended without writing a result"
    lines = [line.strip() for line in driver.message.splitlines() if line.strip()]
    if not lines:
        return f"the driver is {driver.state.value}"
    first = lines[0].partition(", last available logs")[0]
    return first if len(lines) == 1 else f"{first}: {lines[-1]}"
