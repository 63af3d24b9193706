"""The example of the JavaScript client, by Node.js, on the real platform."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from services.page.node import install, node_environment
from tests.page.browser import signed_up

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "ui" / "packages" / "client"


def test_the_example_trains_and_downloads_an_adapter(url: str, recordings: Path, tmp_path: Path) -> None:
    install(ROOT / "ui")
    environ = node_environment()
    program = {name: shutil.which(name, path=environ["PATH"]) or name for name in ("node", "npm")}
    subprocess.run([program["npm"], "run", "--silent", "build"], cwd=CLIENT, env=environ, check=True, timeout=120)
    archive = Path(shutil.make_archive(str(tmp_path / "speech"), "zip", recordings))
    user, password = f"node-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    signed_up(url, user, password)
    done = subprocess.run(
        [program["node"], "examples/train.ts", archive, tmp_path / "out"],
        cwd=CLIENT,
        env={**os.environ, **environ, "LIM_URL": url, "LIM_USER": user, "LIM_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert f"sent {archive.stat().st_size} bytes" in lines
    assert "dataset ready" in lines
    assert any(line.startswith("config.max_steps: ") for line in lines), lines
    assert [line.split(":")[0] for line in lines if line.startswith("step ")][-1] == "step 20", lines
    assert "job succeeded" in lines
    assert list((tmp_path / "out").glob("*.safetensors"))
