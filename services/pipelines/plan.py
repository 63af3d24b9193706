"""The stages of a pipeline, and their dependencies.

A stage runs when all its dependencies have succeeded. It works on what its predecessors made: a training takes what the
selection among them chose, an evaluation measures the training among them, an export takes the winner of the
comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.pipelines.stage import StageFields


class Plan:
    """Stages and their dependencies, by name."""

    def __init__(self, stages: Mapping[str, StageFields], needs: Mapping[str, Sequence[str]]) -> None:
        """Expects stages that have been checked (`declaration.read_plan`)."""
        self.stages = stages
        self.needs = needs
        self._forerunners: dict[str, list[str]] = {}

    def forerunners(self, name: str) -> list[str]:
        """All direct and indirect dependencies of a stage, the nearest first."""
        if name not in self._forerunners:
            self._forerunners[name] = self._found_before(name)
        return self._forerunners[name]

    def _found_before(self, name: str) -> list[str]:
        found: dict[str, None] = {}
        nearest = list(self.needs[name])
        while nearest:
            found.update(dict.fromkeys(nearest))
            further = dict.fromkeys(far for near in nearest for far in self.needs.get(near, ()))
            nearest = [far for far in further if far not in found]  # each once, even if several paths lead there
        return list(found)

    def before(self, name: str, type: type[StageFields]) -> list[str]:
        """The predecessors of a stage that have a type, the nearest first."""
        return [each for each in self.forerunners(name) if isinstance(self.stages[each], type)]
