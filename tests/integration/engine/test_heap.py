from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.process.heap import keep_few_kernels

CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_few_kernels_are_kept_unless_the_user_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPACITY, "7")
    keep_few_kernels()
    assert os.environ[CAPACITY] == "7"
    monkeypatch.delenv(CAPACITY)
    keep_few_kernels()
    assert os.environ[CAPACITY] == "32"


def test_whoever_loads_models_keeps_few() -> None:
    code = f"import os, engine.families.binding; print(os.environ[{CAPACITY!r}])"
    environ = {name: value for name, value in os.environ.items() if name != CAPACITY}
    told = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["32"]


_FRAGMENTS = """
import torch
from pathlib import Path

def resident():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS:")).split()[1])

{call}
for _ in range(4):  # glibc keeps larger and larger blocks for itself after it freed some
    kept = [torch.ones(n * 60_000) for n in range(1, 60)]
    pins = [torch.ones(40_000) for _ in range(50)]
    del kept
before = resident()
kept = [torch.ones(n * 60_000) for n in range(1, 60)]
pins += [torch.ones(40_000) for _ in range(50)]
full = resident()
del kept
print(before, full, resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_large_blocks_are_returned_when_they_are_freed() -> None:
    """As in training, small tensors that stay lie between large ones that go."""

    def left_kb(call: str, **more: str) -> int:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | more
        code = _FRAGMENTS.format(call=call)
        told = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
        return int(told.stdout.split()[2])

    # With a user's own setting, which has precedence, all 425 MB stay in the heap.
    kept = left_kb("import engine.families.binding", MALLOC_MMAP_THRESHOLD_="1000000000")
    assert left_kb("import engine.families.binding") < kept - 200_000
