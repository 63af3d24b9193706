"""What the study of selection runs: pools, arms, seeds and learning rates; and the archive of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tuning.studies.archive import ArchiveOf, RunOf, rounded
from tuning.studies.selection.arms import Arm, primary, secondary, tuned
from tuning.studies.selection.cells import Cell, cell_key
from tuning.studies.selection.pools import PoolName

LEARNING_RATES: Final = (5e-4, 1e-3, 2e-3, 4e-3)
_TUNING_SEEDS: Final = (100, 101, 102)
_ROUNDED: Final = ("encoder_s", "training_s", "selection_s")

Job = tuple[PoolName, int, list[tuple[Arm, float]], bool]
"""Pool, seed, arms with their learning rates, and whether the test is on dev."""
Rates = Mapping[tuple[PoolName, str, float], float]
"""Learning rate of each pool, tuned arm and share."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study runs in all."""

    pools: tuple[PoolName, ...]
    shares: tuple[float, ...]
    """Of the noisy pool's cost; of the clean pool's only the largest, where there is little to gain."""
    seeds: int
    """Of the primary arms."""
    secondary_seeds: int
    tuning_seeds: int
    """Of each learning rate; 0: the recipe's."""
    recipe_rate: float

    def dev_jobs(self) -> list[Job]:
        """Trials of the learning rates."""
        return [
            (pool, seed, [(arm, rate) for arm in tuned(self._shares(pool)) for rate in LEARNING_RATES], True)
            for seed in _TUNING_SEEDS[: self.tuning_seeds]
            for pool in self.pools
        ]

    def jobs(self, rates: Rates) -> list[Job]:
        """The tests, with tuned learning rates."""
        jobs: list[Job] = []
        for seed in range(self.seeds):
            for pool in self.pools:
                arms = primary(self._shares(pool))
                if pool == "noisy" and seed < self.secondary_seeds:
                    arms += secondary()
                jobs.append((pool, seed, [(arm, rates[pool, arm.tuned_like, arm.share]) for arm in arms], False))
        return jobs

    def rates(self, cells: Mapping[str, Cell]) -> Rates | None:
        """The learning rates with the lowest WER on dev; None while trials are missing."""
        if missing_of(self.dev_jobs(), cells):
            return None
        return {
            (pool, arm.name, arm.share): self._best(pool, arm, cells)
            for pool in self.pools
            for arm in tuned(self._shares(pool))
        }

    def _best(self, pool: PoolName, arm: Arm, cells: Mapping[str, Cell]) -> float:
        if not self.tuning_seeds:
            return self.recipe_rate
        seeds = _TUNING_SEEDS[: self.tuning_seeds]

        def wer(rate: float) -> float:
            return sum(cells[cell_key(pool, seed, arm.key, rate, True)].wer for seed in seeds) / len(seeds)

        return min(LEARNING_RATES, key=wer)

    def _shares(self, pool: PoolName) -> tuple[float, ...]:
        return self.shares if pool == "noisy" else (max(self.shares),)


def keys_of(jobs: list[Job]) -> Iterator[str]:
    """The keys of their cells."""
    for pool, seed, wanted, dev in jobs:
        for arm, rate in wanted:
            yield cell_key(pool, seed, arm.key, rate, dev)


def missing_of(jobs: list[Job], cells: Mapping[str, Cell]) -> int:
    """How many cells they lack."""
    return sum(key not in cells for key in keys_of(jobs))


Run = RunOf[Plan, Cell]
"""A run of the study."""


class SelectionArchive(ArchiveOf[Plan, Cell]):
    """Runs of the study."""

    def plan_from(self, stored: Mapping[str, Any]) -> Plan:
        """A plan from its JSON."""
        return Plan(**{**stored, "pools": tuple(stored["pools"]), "shares": tuple(stored["shares"])})

    def plan_told(self, plan: Plan) -> Mapping[str, Any]:
        """A plan as JSON."""
        return asdict(plan)

    def cell_from(self, stored: Mapping[str, Any]) -> Cell:
        """A cell from its JSON."""
        return Cell(**stored)

    def key_of(self, cell: Cell) -> str:
        """Its own."""
        return cell.key

    def told(self, cell: Cell) -> Mapping[str, Any]:
        """A cell with its seconds rounded."""
        values = asdict(cell)
        return {**values, **rounded({name: values[name] for name in _ROUNDED})}
