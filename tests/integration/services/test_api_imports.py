"""What a replica of the API imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any


def test_a_replica_needs_neither_torch_nor_numpy() -> None:
    heavy = {"torch", "transformers", "numpy", "pyarrow", "pandas", "soundfile", "ray"}
    code = f"import sys, services.api.app, services.jobs.cluster_view; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.strip() == "[]"


def references(node: Any) -> set[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()
