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
