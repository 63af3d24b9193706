"""The kept list names a test for every field of the training config, and only tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

from pydantic import Field

from engine.config.base import Config
from engine.config.optimizers.registry import OPTIMIZERS, OptimizerConfig
from engine.config.training import TrainingConfig
from tests.mutants.fields import mutants
from tests.mutants.killers import missing_and_unknown, read_killers

ROOT = Path(__file__).resolve().parents[3]


def test_every_field_has_tests() -> None:
    missing, unknown = missing_and_unknown(read_killers())
    assert missing == [], "add them to tests/mutants/killers.yaml, with tests that fail when they lose their effect"
    assert unknown == []


def test_the_listed_tests_exist() -> None:
    listed = {test for entry in read_killers().entries.values() for test in entry["tests"]}
    for test in sorted(listed):
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert not name or name.partition("[")[0] in names, test


def test_fields_of_groups_and_values_of_choices_are_mutants() -> None:
    class Extended(TrainingConfig):
        fresh: float = 0.5
        other_optimizer: OptimizerConfig = Field(default=TrainingConfig().optimizer)

    found = mutants(Extended)
    assert found["fresh"].neutral == 0.5
    assert found.keys() - mutants(TrainingConfig).keys() == {
        "fresh",
        *(f"other_optimizer.type={kind}" for kind in OPTIMIZERS),
    }
    assert {"method.rank", "method.type=full", "precision=float16", "augmentation.noise_snr_db"} <= found.keys()
    # A class has one field of a kind, wherever its groups stand; two classes that declare the same name have two.
    assert found["optimizer.learning_rate[AdamFields]"].owner is not found["optimizer.learning_rate[SgdConfig]"].owner


def test_a_mutant_of_a_new_group_is_found() -> None:
    class Inner(Config):
        depth: int = 3

    class Outer(Config):
        inner: Inner = Inner()

    assert {key: mutant.neutral for key, mutant in mutants(Outer).items()} == {"inner.depth": 3}
