"""The report of a study that compares arms: one form for all of them, made from the cells in the study's archive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tuning.studies.archive import Archive, Run
from tuning.studies.intervals import paired_difference
from tuning.studies.tables import (
    Claim,
    adjusted,
    apart,
    by_arm,
    claims_table,
    draw_arms,
    errors_of,
    seeds_table,
    state,
    tuning_table,
    verdict_of,
)


class StudyReport(ABC):
    """What the reports have in common; a study's own report says the rest."""

    introduction: ClassVar[str]
    """Title, protocol and endpoints."""
    ours: ClassVar[str]
    """Arm of the method."""
    controls: ClassVar[tuple[str, ...]]
    """The plain baseline and the controls: a primary claim about each."""
    sets: ClassVar[tuple[str, ...]]
    """Test sets of the primary endpoint."""
    endpoint: ClassVar[str]
    """What is measured on them, for a picture's axis."""
    claimed_on: ClassVar[str] = ""
    """Begins the text of each claim."""
    proven: ClassVar[str]
    """A sentence for the case that all claims hold."""
    default: ClassVar[str]
    """A sentence on what stays the default otherwise."""

    # ---- a study's own part --------------------------------------------------------------------------------------

    @abstractmethod
    def setting(self, run: Run) -> str:
        """What was trained, on what, and for how long."""

    @abstractmethod
    def arms(self, run: Run) -> list[str]:
        """A table with a row for each arm."""

    def guards(self, run: Run) -> list[Claim]:
        """Claims apart from the primary ones, which are not adjusted."""
        return []

    def notes(self, run: Run) -> list[str]:
        """Lines below the claims."""
        return []

    def costs(self, run: Run) -> list[str]:
        """Lines below the picture."""
        return []

    def across(self, runs: Sequence[Run]) -> list[str]:
        """Lines that compare runs of several settings."""
        return []

    # ---- the form ------------------------------------------------------------------------------------------------

    def write(self, archive: Archive, path: Path) -> None:
        """Write the report with its pictures, of all runs in the archive."""
        path.parent.mkdir(parents=True, exist_ok=True)
        sections, runs = [self.introduction], archive.runs()
        titles = _titles(runs)
        if len(runs) > 1:
            told = [f"- {title}: {self.verdict(self.claims(run))}" for title, run in zip(titles, runs, strict=True)]
            sections.append("\n".join(["## In short", "", *told, "", *self.across(runs)]))
        for number, (title, run) in enumerate(zip(titles, runs, strict=True)):
            sections.append(self._section(title, run, path.with_name(f"{path.stem}-{number}.png")))
        path.write_text("\n".join(sections), encoding="utf-8")

    def claims(self, run: Run) -> list[Claim]:
        """The primary claims, as far as their arms were measured: better than the baseline and than each control."""
        tests = by_arm(run.plan, run.cells)
        if self.ours not in tests:
            return []
        ours, claims = errors_of(tests[self.ours], self.sets), []
        for name in self.controls:
            if name in tests:
                found = paired_difference(ours, errors_of(tests[name], self.sets))
                text = f"{self.claimed_on}`{self.ours}` is better than `{name}`"
                claims.append(Claim(text, found, found.high < 0))
        return adjusted(claims)

    def verdict(self, claims: Sequence[Claim]) -> str:
        """What the primary claims come to, in a sentence or two."""
        return verdict_of(claims, self.ours, self.proven, self.default)

    def _section(self, title: str, run: Run, picture: Path) -> str:
        claims, plan, cells = self.claims(run), run.plan, run.cells
        lines = [f"## {title}", "", f"**{self.verdict(claims)}**", "", f"{self.setting(run)} {state(plan, cells)}", ""]
        if claims:
            lines += [*claims_table([*claims, *self.guards(run)]), "", *self.notes(run)]
            lines += apart(by_arm(plan, cells), self.ours, self.sets)
        lines += [*self.arms(run), "", f"![WER of each arm]({picture.name})", ""]
        draw_arms(plan, cells, self.sets, self.endpoint, picture)
        lines += self.costs(run)
        lines += ["**Tuning.** WER on dev.", "", *tuning_table(plan, cells), ""]
        lines += [f"**Each seed.** {self.endpoint}, in %.", "", *seeds_table(plan, cells, self.sets), ""]
        return "\n".join(lines)


def _titles(runs: Sequence[Run]) -> list[str]:
    """Titles of the runs: model and rank, and what else tells two of them apart."""
    titles = [f"{run.setting['model']}, rank {run.setting['rank']}" for run in runs]
    often = Counter(titles)
    return [
        f"{title}, conditions {run.conditions.digest}" if often[title] > 1 else title
        for title, run in zip(titles, runs, strict=True)
    ]
