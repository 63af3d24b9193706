"""The tool itself: it kills what has an effect that a test sees, and nothing else."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from engine.config.base import Config
from tests.mutants.fields import mutants
from tests.mutants.mutation import remove_effect
from tests.mutants.running import Verdict, judge

PRODUCT = """
def area(config):
    config.idle  # read, and of no effect
    return config.width * (2 if config.unit == "double" else 1) * (config.shape.sides if config.shape.type == "square" else 0)
"""
TESTS = """
import pytest
from product import area
from tests.unit.mutants.test_tool import Made, Square

def test_area():
    assert area(Made(width=5, idle=7)) == 20

def test_unit():
    assert area(Made(unit="double")) == 8

def test_square():
    assert area(Made(shape=Square(sides=6))) == 6

def test_nothing():
    pass

@pytest.fixture
def broken():
    raise ValueError("no such thing")

def test_broken(broken):
    pass

def test_wrong():
    assert area(Made()) == 5
"""


class Square(Config):
    """One of two shapes."""

    type: Literal["square"] = "square"
    sides: int = 4


class Dot(Config):
    """The other."""

    type: Literal["dot"] = "dot"
    sides: int = 1


class Made(Config):
    """What the product of these tests is told."""

    width: int = 1
    idle: int = 1
    unit: Literal["single", "double"] = "single"
    shape: Annotated[Square | Dot, Field(discriminator="type")] = Square()


@pytest.fixture
def verdict_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "product.py").write_text(PRODUCT)
    (tmp_path / "test_product.py").write_text(TESTS)
    monkeypatch.syspath_prepend(tmp_path)

    def verdict(key: str | None, test: str) -> Verdict:
        remove = functools.partial(remove_effect, misled=[str(tmp_path / "product.py")], spared=[])
        mutant = mutants(Made)[key] if key else None
        return judge(mutant, [f"{tmp_path}/test_product.py::{test}"], remove)

    return verdict


@pytest.mark.parametrize(
    ("key", "test", "status"),
    [
        ("width", "test_area", "killed"),
        ("unit=double", "test_unit", "killed"),
        ("shape.type=square", "test_area", "killed"),
        ("shape.sides[Square]", "test_square", "killed"),
        ("idle", "test_area", "survived"),  # a field without effect
        ("width", "test_unit", "survived"),  # the test's value is the neutral one
        ("width", "test_nothing", "survived"),
        ("shape.sides[Dot]", "test_square", "survived"),
        ("width", "test_broken", "broken"),
        ("width", "test_wrong", "broken"),  # it fails by itself: nothing was replaced
        ("width", "test_missing", "broken"),
        (None, "test_area", "survived"),
        (None, "test_wrong", "killed"),
    ],
)
def test_verdicts(key: str | None, test: str, status: str, verdict_of: object) -> None:
    assert callable(verdict_of)
    verdict: Verdict = verdict_of(key, test)
    assert verdict.status == status, verdict
    if status == "killed":
        assert verdict.killed_by.endswith(test)


def test_a_mutant_does_not_outlive_its_process(verdict_of: object) -> None:
    assert callable(verdict_of)
    assert verdict_of("width", "test_area").status == "killed"
    assert verdict_of(None, "test_area").status == "survived"
    assert Made(width=5).width == 5
