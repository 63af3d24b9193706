"""What the command line imports before it knows what to do."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

GOOD_RUN = """
name: digits
data: recordings
training:
  max_steps: 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_help_and_validate_start_without_torch_and_ray(tmp_path: Path) -> None:
    config = written(tmp_path, GOOD_RUN)
    code = (
        "import sys\n"
        "from services.cli.main import app\n"
        f"app(['validate', {str(config)!r}], standalone_mode=False)\n"
        "heavy = {'torch', 'ray', 'transformers', 'numpy', 'sqlalchemy', 'fastapi'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=60)
    assert time.monotonic() - begin < 5.0
