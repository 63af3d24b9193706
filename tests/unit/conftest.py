"""A unit test starts no process and joins no cluster."""

from __future__ import annotations

import subprocess
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        pytest.fail(f"a unit test starts a process, {arguments[0]!r}: put it into tests/integration")

    monkeypatch.setattr(subprocess, "Popen", refuse)
