"""`lim` in a process of its own: what it imports, and what a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.cli.stub import Stub, running
from tests.unit.services.cli.test_nouns import ID, job

ROOT = Path(__file__).parents[3]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running() as stub:
        yield stub


def completed(words: str, stub: Stub, tmp_path: Path) -> list[str]:
    """What a shell is offered for the last of these words."""
    environ = os.environ | {
        "_LIM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "LIM_URL": stub.url,
        "LIM_API_KEY": "lim_x",
        "PYTHONPATH": str(ROOT),
    }
    program = "import sys; from services.cli.main import app; sys.argv = ['lim']; app(prog_name='lim')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_a_shell_completes_nouns_verbs_options_and_names(stub: Stub, tmp_path: Path) -> None:
    stub.items("GET /jobs", job(1, name="first"), job(2, name="second"))
    assert {"datasets", "data"} <= set(completed("lim da", stub, tmp_path))
    assert completed("lim jobs lau", stub, tmp_path) == ["launch"]
    assert "--dataset-version" in completed("lim jobs launch --dataset-", stub, tmp_path)
    assert completed("lim jobs show fi", stub, tmp_path) == ["first"]
    assert completed("lim jobs show 5b1c0000-0000-4000-8000-00000000000", stub, tmp_path) == [
        ID.format(1),
        ID.format(2),
    ]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from services.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'ray', 'transformers', 'numpy', 'pyarrow', 'sqlalchemy', 'fastapi', 'pydantic', 'httpx'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=60, capture_output=True)


def test_a_command_to_a_platform_imports_neither_torch_nor_ray(stub: Stub) -> None:
    stub.on("GET /jobs", {"items": [job()], "total": 1, "next_cursor": None})
    program = (
        "import sys\n"
        "from services.cli.main import app\n"
        "try:\n    app(['jobs', 'list', '--json'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'ray', 'transformers', 'numpy', 'pyarrow', 'sqlalchemy', 'fastapi'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    environ = os.environ | {"LIM_URL": stub.url, "LIM_API_KEY": "lim_x"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environ, timeout=60, capture_output=True)


def test_a_config_is_checked_without_torch_and_ray(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("name: digits\ndata: recordings\ntraining: {max_steps: 10}\n")
    program = (
        "import sys\n"
        "from services.cli.main import app\n"
        f"app(['validate', {str(config)!r}], standalone_mode=False)\n"
        "heavy = {'torch', 'ray', 'transformers', 'numpy', 'pyarrow', 'sqlalchemy', 'fastapi'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=60, capture_output=True)
