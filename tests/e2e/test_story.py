"""The scripts of docs/guide: the whole story by `lim` alone and by the client alone, on one real platform."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_demo import LIM, ROOT, SPEECH, environment

GUIDE = ROOT / "docs" / "guide"
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lim-story-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """Address of a platform, which goes down at the end."""
    log = place / "up.log"
    with log.open("w") as stream:
        platform = subprocess.Popen([LIM, "up", "--port", "0"], cwd=ROOT, env=environment(place), stderr=stream)
        try:
            deadline = time.monotonic() + 150
            while "Ready." not in log.read_text():
                assert platform.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            [address] = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("  API ")]
            yield address.removesuffix("/api/v1")
            platform.send_signal(signal.SIGTERM)
            platform.wait(timeout=60)
        finally:
            platform.kill()
            platform.wait()


@pytest.fixture(scope="module")
def recordings(place: Path) -> Path:
    """Some of the bundled speech: eight items of each of three speakers."""
    folder = place / "recordings"
    kept = ["file_name,text,speaker"]
    with (SPEECH / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for speaker in ("amara", "bruno", "chae"):
        for row in [row for row in rows if row["speaker"] == speaker][:8]:
            (folder / row["file_name"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SPEECH / row["file_name"], folder / row["file_name"])
            kept.append(f"{row['file_name']},{row['text']},{speaker}")
    (folder / "metadata.csv").write_text("\n".join(kept) + "\n")
    return folder


def story(url: str, place: Path, recordings: Path, user: str) -> dict[str, str]:
    """What a user of another shell has set."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LIM_", "XDG_", "RAY_"))}
    environ |= {"LIM_URL": url, "LIM_USER": user, "LIM_PASSWORD": PASSWORD, "RECORDINGS": str(recordings)}
    environ |= {"HOME": str(place), "OUT": str(place / user), "PYTHONPATH": str(ROOT)}
    return environ | {"PATH": f"{Path(LIM).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("name", ["story.sh", "story.py"])
def test_a_story_is_short(name: str) -> None:
    assert len((GUIDE / name).read_text().splitlines()) <= 40


def test_the_story_by_lim_alone(url: str, place: Path, recordings: Path) -> None:
    environ = story(url, place, recordings, "ada")
    done = subprocess.run(
        ["sh", str(GUIDE / "story.sh")], cwd=place, env=environ, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "items are good" in done.stdout
    assert '"step": 10' in done.stdout
    for said in ("Logged in as ada", "stopped", "succeeded", "adapter ", "deleted", "Logged out"):
        assert said in done.stderr, said
    assert list((place / "ada").glob("*.safetensors"))
    assert json.loads((place / ".config" / "less-is-more" / "logins.json").read_text())["logins"] == {}
    assert left(url, "ada") == {"datasets": 0, "jobs": 0, "adapters": 0, "users/me/api-keys": 0}


def test_the_story_by_the_client_alone(url: str, place: Path, recordings: Path) -> None:
    """By its own name, beside nothing of the platform."""
    packages = place / "packages"
    shutil.copytree(ROOT / "services" / "client", packages / "less_is_more_client")
    environ = story(url, place, recordings, "bob") | {"PYTHONPATH": str(packages)}
    alone = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(('torch', 'ray', 'numpy', 'services', 'engine')));"
        f"runpy.run_path({str(GUIDE / 'story.py')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", alone], cwd=place, env=environ, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert "items are good" in lines[0]
    assert [line.split(":")[0].strip() for line in lines[2:4]] == ["config.max_steps", "config.optimzer"]
    assert "stopped" in lines
    assert lines[-1].startswith("succeeded 200 ")
    assert list((place / "bob").glob("*.safetensors"))
    assert left(url, "bob") == {"datasets": 0, "jobs": 0, "adapters": 0, "users/me/api-keys": 0}


def left(url: str, user: str) -> dict[str, int]:
    """What the user still has, by an HTTP client that knows nothing of ours."""
    with httpx.Client(base_url=f"{url}/api/v1/") as http:
        tokens = http.post("auth/login", json={"username_or_email": user, "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return {name: http.get(name).json()["total"] for name in ("datasets", "jobs", "adapters", "users/me/api-keys")}
