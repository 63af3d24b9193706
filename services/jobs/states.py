"""The states of a job and the changes that are legal.

        ┌──────────────── resume ───────────────────┐
        v                                           │
queued ──> starting ──> running ──> succeeded       │
  ^ │         │  │         │  └────> failed ─────────┤
  │ │         │  └─────────┴──> stopping ──> stopped ┤
  │ └─────────┼─── stop before submission ──> stopped┘
  └───────────┴── the driver died: submitted again
  └── stopping: it made way for another user's job
"""

from __future__ import annotations

from typing import Final

from services.errors import ConflictError

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "queued": frozenset({"starting", "stopped", "failed"}),
    "starting": frozenset({"running", "queued", "stopping", "stopped", "succeeded", "failed"}),
    "running": frozenset({"queued", "stopping", "stopped", "succeeded", "failed"}),
    "stopping": frozenset({"queued", "stopped", "succeeded", "failed"}),
    "stopped": frozenset({"queued"}),
    "failed": frozenset({"queued"}),
    "succeeded": frozenset(),
}
TERMINAL: Final = frozenset({"stopped", "succeeded", "failed"})
ACTIVE: Final = frozenset(TRANSITIONS) - TERMINAL
SUBMITTED: Final = frozenset({"starting", "running", "stopping"})
"""With a driver on the cluster, as far as is known."""
RESUMABLE: Final = frozenset({"stopped", "failed"})
"""What a user may queue again."""


def check_transition(current: str, wanted: str) -> None:
    """Let a legal change of state pass.

    Raises:
        ConflictError: the state does not allow it; names those that it allows.
    """
    if wanted not in TRANSITIONS[current]:
        allowed = ", ".join(sorted(TRANSITIONS[current])) or "none, it is final"
        raise ConflictError(f"A job that is {current} cannot become {wanted}; allowed: {allowed}.", code="job_state")
