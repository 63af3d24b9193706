"""The states of a job and the legal transitions.

        ┌──────────────── resume ───────────────────┐
        v                                           │
queued ──> starting ──> running ──> succeeded       │
  ^ │         │  │         │  └────> failed ─────────┤
  │ │         │  └─────────┴──> stopping ──> stopped ┤
  │ └─────────┼─── stop before submission ──> stopped┘
  └───────────┴── the driver died: resubmitted
  └── stopping: preempted for another user's job
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
"""States with a driver on the cluster, as far as is known."""
RESUMABLE: Final = frozenset({"stopped", "failed"})
"""States from which a user may queue a job again."""


def check_transition(current: str, wanted: str) -> None:
    """Check that a transition is legal.

    Raises:
        ConflictError: the state does not allow it; names the states that it allows.
    """
    if wanted not in TRANSITIONS[current]:
        allowed = ", ".join(sorted(TRANSITIONS[current])) or "none, it is final"
        raise ConflictError(f"A job that is {current} cannot become {wanted}; allowed: {allowed}.", code="job_state")
