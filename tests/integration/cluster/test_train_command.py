"""The driver's command line, up to where a cluster would be needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml


def test_every_fault_at_once_before_anything_is_imported(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "name": "Not a name",
                "data": "recordings",
                "training": {"max_steps": -1, "method": {"type": "qlora", "rnk": 8}},
                "resources": {"num_workers": 0},
                "storage": "/tmp/run",
            }
        )
    )
    code = (
        "import sys; from cluster.train import main; code = main(sys.argv[1:]); "
        "loaded = {'torch', 'ray', 'boto3'} & set(sys.modules); sys.exit(99 if loaded else code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "--config", str(config)], capture_output=True, text=True)
    assert done.returncode == 2
    for path in ("name", "training.max_steps", "training.method.rnk", "resources.num_workers", "storage"):
        assert f"  {path}: " in done.stderr
    assert "5 faults" in done.stderr
