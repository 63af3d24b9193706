"""The client as a package of its own: built, installed beside its dependencies only, and used."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.services.filled import answer_of

SOURCE = Path(__file__).parents[3] / "services" / "client"
PROGRAM = """
import importlib.util, sys
from less_is_more_client import Client, InvalidRequestError, models

for name in ("torch", "ray", "numpy", "services", "engine"):
    assert importlib.util.find_spec(name) is None, name
with Client(sys.argv[1], api_key="lim_x") as client:
    [job] = client.list_jobs(status="running")
    assert job.usage.wall_s >= 0, job
    config = models.TrainingConfig(max_steps=5, method=models.QloraConfig(type="qlora", rank=8))
    try:
        client.create_job("whisper-pico", "d1", config, name=None)
    except InvalidRequestError as error:
        [fault] = error.faults
        print(fault)
"""


class Answers(BaseHTTPRequestHandler):
    """A list of jobs, and a refusal that repeats what was sent."""

    def do_GET(self) -> None:
        self._send(200, {"items": [answer_of("JobOut")], "total": 1, "next_cursor": None})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send(422, {"code": "invalid_request", "detail": "No.", "errors": [{"path": "config", "message": sent}]})

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def needed(requirements: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """The distributions that these requirements need, extras left out."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        if "extra ==" in requirement or "python_version <" in requirement or "python_version<" in requirement:
            continue
        name = re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].lower()
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            waiting += found[name].requires or []
    return found


def test_it_is_built_installed_and_used_without_the_platform(tmp_path: Path, address: str) -> None:
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "uv", "build", "--wheel", "--no-build-isolation", "--offline", "--quiet"]
    subprocess.run([*build, "--out-dir", str(tmp_path), str(source)], check=True, timeout=120)
    [wheel] = tmp_path.glob("less_is_more_client-*.whl")

    venv.create(tmp_path / "env", with_pip=False)
    [packages] = (tmp_path / "env" / "lib").glob("python3.*/site-packages")
    shutil.unpack_archive(wheel, packages, "zip")
    [metadata] = importlib.metadata.distributions(name="less-is-more-client", path=[str(packages)])
    dependencies = needed(metadata.requires or [])
    assert dependencies.keys().isdisjoint({"torch", "ray", "numpy", "fastapi", "less-is-more"})
    assert len(dependencies) < 20
    for distribution in dependencies.values():
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))

    python = tmp_path / "env" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-I", "-c", PROGRAM, address], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout.removeprefix("config: "))
    assert body == {
        "model_id": "whisper-pico",
        "dataset_id": "d1",
        "config": {"max_steps": 5, "method": {"type": "qlora", "rank": 8}},
        "name": None,
    }


def test_its_code_is_python_3_10_and_imports_nothing_of_the_platform() -> None:
    for path in [*SOURCE.glob("*.py"), *(SOURCE / "generated").glob("*.py")]:
        tree = ast.parse(path.read_text(), feature_version=(3, 10))
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            outside = {"services", "engine", "cluster", "tuning", "torch", "ray", "numpy", "fastapi"}
            assert outside.isdisjoint(name.split(".")[0] for name in names), path
