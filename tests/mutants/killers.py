"""The kept list: for each mutant of the training config, the tests that fail when the field loses its effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.config.training import TrainingConfig
from tests.mutants.fields import Mutant, mutants, with_neutral

PATH = Path(__file__).with_name("killers.yaml")


@dataclass(frozen=True)
class Killers:
    """The list, and the mutants that the schema has."""

    entries: dict[str, dict[str, Any]]
    known: dict[str, Mutant]

    def table(self, tests: Sequence[str] | None) -> dict[str, tuple[Mutant, Sequence[str]]]:
        """Each mutant with its listed tests, or with others."""
        return {
            key: (with_neutral(mutant, self.entries.get(key, {})), tests or self.entries[key]["tests"])
            for key, mutant in self.known.items()
        }


def read_killers(path: Path = PATH) -> Killers:
    """The kept list beside the schema as it is now. An entry is a test, a list of tests, or those and a neutral value."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = {key: _entry(value) for group in loaded.values() for key, value in group.items()}
    return Killers(entries, mutants(TrainingConfig))


def missing_and_unknown(killers: Killers) -> tuple[list[str], list[str]]:
    """Mutants without an entry, and entries without a mutant."""
    return (
        sorted(killers.known.keys() - killers.entries.keys()),
        sorted(killers.entries.keys() - killers.known.keys()),
    )


def _entry(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"tests": [value]}
    return {"tests": value} if isinstance(value, list) else dict(value)
