"""The peak of this process's resident memory in each phase of a run. Linux only."""

from __future__ import annotations

from pathlib import Path

from engine.run.events import Event


class PeakByPhase:
    """An event sink that notes the peak of each phase; the peak is counted anew from its making on."""

    def __init__(self) -> None:
        self.start_bytes = _status("VmRSS")
        """Resident memory when it was made."""
        self.peaks: dict[str, int] = {}
        """Peak of each phase that has ended, in bytes."""
        self._now = "start"
        _forget_peak()

    def emit(self, event: Event) -> None:
        """A status event begins a phase, and ends the one before."""
        if event.kind == "status":
            self.end()
            self._now = event.data["phase"]

    def end(self) -> None:
        """The phase ends."""
        self.peaks[self._now] = max(self.peaks.get(self._now, 0), _status("VmHWM"))
        _forget_peak()

    def flush(self) -> None:
        """Nothing is buffered."""


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}: peaks of phases need Linux")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
