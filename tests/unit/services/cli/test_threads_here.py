"""`lim train --local` computes with no more threads than there are processors, and says so."""

from __future__ import annotations

import pytest

from engine.process.threads import compute_threads, processors
from services.cli.train import threads_here


def test_more_threads_than_processors_are_not_started(capsys: pytest.CaptureFixture[str]) -> None:
    here = processors()
    assert threads_here(None) == compute_threads()
    assert threads_here(1) == 1
    assert threads_here(here) == here
    assert "processors" not in capsys.readouterr().err
    assert threads_here(here + 62) == here
    told = " ".join(capsys.readouterr().err.split())
    assert f"threads_per_worker is {here + 62}" in told
    assert f"{here} processors" in told
