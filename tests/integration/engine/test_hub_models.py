"""Models of the hub: pinned to a commit, private ones with a token. The hub is a small server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.models.catalogue import PROJECT_ROOT

FIRST, SECOND = "1" * 40, "2" * 40
TOKEN = "hf_of-the-test"
NAME = "somebody/tiny-whisper"
LOAD = """
import json, sys
import torch
from engine.config.training import TrainingConfig
from engine.errors import EngineError
from engine.families.binding import bind
from engine.models.catalogue import reference_to

try:
    reference = reference_to(sys.argv[1], sys.argv[2] or None)
    base = bind(reference, TrainingConfig.model_validate({"max_steps": 1, "method": {"type": "lora"}}))
    bias = base.base.model.model.decoder.layer_norm.bias
    print(json.dumps({"family": reference.family, "revision": reference.revision, "bias": float(bias.detach()[0])}))
except EngineError as error:
    print(json.dumps({"error": str(error)}))
"""


@dataclass
class Hub:
    """Repositories by commit, behind a token."""

    commits: dict[str, Path]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def serve(self) -> ThreadingHTTPServer:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                hub.asked.append(self.path)
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self._answer(401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
                    return
                told, at = self.path.partition("?")[0], f"/{NAME}/resolve/"
                if not told.startswith(at):
                    self._answer(404, b"{}", {})
                    return
                revision, _, name = told.removeprefix(at).partition("/")
                commit = SECOND if revision == "main" else revision
                path = hub.commits.get(commit, Path("none")) / name
                if not path.is_file():
                    self._answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
                    return
                content = path.read_bytes()
                tag = hashlib.sha256(content).hexdigest()
                self._answer(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": commit})

            def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        return server


@pytest.fixture(scope="module")
def hub(tiny_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Two commits of one model, which differ in one weight."""
    import shutil

    from safetensors.torch import load_file, save_file

    commits = {}
    for number, commit in enumerate((FIRST, SECOND), start=1):
        folder = tmp_path_factory.mktemp("hub") / commit
        shutil.copytree(tiny_whisper, folder)
        weights = load_file(folder / "model.safetensors")
        weights["model.decoder.layer_norm.bias"][:] = float(number)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        commits[commit] = folder
    hub = Hub(commits)
    server = hub.serve()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


def loaded(hub: Hub, home: Path, revision: str = "", token: str | None = TOKEN) -> dict[str, Any]:
    """What loading the model says, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "PYTHONPATH": str(PROJECT_ROOT),
        "HF_HUB_DISABLE_XET": "1",
    }
    if token is not None:
        environment["HF_TOKEN"] = token
    run = subprocess.run(
        [sys.executable, "-c", LOAD, NAME, revision], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr[-2000:]
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def test_a_private_model_is_loaded_with_a_token_at_its_newest_commit(hub: Hub, tmp_path: Path) -> None:
    assert loaded(hub, tmp_path) == {"family": "whisper", "revision": SECOND, "bias": 2.0}


def test_a_pinned_model_stays_at_its_commit(hub: Hub, tmp_path: Path) -> None:
    hub.asked.clear()
    assert loaded(hub, tmp_path, FIRST) == {"family": "whisper", "revision": FIRST, "bias": 1.0}
    assert not [path for path in hub.asked if "/resolve/main/" in path], "something was loaded from the newest commit"


def test_without_the_token_the_error_says_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    told = loaded(hub, tmp_path, token=None)["error"]
    assert f"the model {NAME!r} cannot be fetched from the hub" in told
    assert "a private one needs HF_TOKEN" in told
