"""Somebody who watches a job."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx

FINAL = {"succeeded", "failed", "stopped"}


class Follower(threading.Thread):
    """Reads a job's stream to its end, and takes it up again when it breaks off."""

    def __init__(self, user: httpx.Client, job_id: str) -> None:
        super().__init__(daemon=True)
        self._user = user
        self._job_id = job_id
        self.events: list[dict[str, Any]] = []
        self.ended = False
        self.streams = 0
        """How many streams it took."""
        self.refusals: list[int] = []
        """What it was answered in the place of a stream."""
        self.start()

    def run(self) -> None:
        while not self.ended:
            try:
                self._read()
            except httpx.TransportError:
                time.sleep(0.2)

    def _read(self) -> None:
        last = self.events[-1]["seq"] if self.events else 0
        with self._user.stream("GET", f"/jobs/{self._job_id}/events", headers={"Last-Event-ID": str(last)}) as answer:
            if answer.status_code != 200:
                self.refusals.append(answer.status_code)
                time.sleep(0.2)
                return
            self.streams += 1
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    self.events.append(json.loads(line.removeprefix("data: ")))
        self.ended = bool(self.events) and self.events[-1].get("status") in FINAL

    def steps(self) -> list[int]:
        """The steps that were told, in order."""
        return [event["step"] for event in self.events if "step" in event]

    def statuses(self) -> list[str]:
        """The statuses that were told, in order."""
        return [event["status"] for event in self.events if "status" in event]

    def until_step(self, step: int) -> None:
        """Wait."""
        while max(self.steps(), default=0) < step and self.is_alive():
            time.sleep(0.05)
