"""One version: pyproject.toml's, through the package's metadata."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.run.code_version import code_version
from services.cli.main import app

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def declared() -> str:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        return str(tomllib.load(stream)["project"]["version"])


def test_lim_tells_the_version_of_the_package(declared: str) -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"lim {declared}\n")


def test_the_api_tells_the_version_of_the_package(declared: str) -> None:
    document = json.loads(
        (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    )  # `make check` holds it to the app
    assert document["info"]["version"] == declared


def test_results_name_the_version_of_the_package(declared: str) -> None:
    assert code_version().startswith(f"{declared}+")


def test_the_changelog_has_the_version(declared: str) -> None:
    assert f"\n## [{declared}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
