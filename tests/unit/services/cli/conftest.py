"""A stub of a platform, and `lim` as somebody who is logged in there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from tests.unit.services.cli.stub import Stub, running

Lim = Callable[..., Result]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running() as stub:
        yield stub


@pytest.fixture
def lim(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lim:
    """Runs a command; LIM_URL and LIM_API_KEY are set."""
    for name in ("LIM_SERVER", "LIM_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIM_URL", stub.url)
    monkeypatch.setenv("LIM_API_KEY", "lim_x")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, input: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], input=input)

    return run
