"""Parts that the reports of the studies have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tuning.studies.intervals import Difference, Errors, corpus_wer, holm, paired_difference
from tuning.studies.trials import Cell, Plan

FEWEST_SEEDS: Final = 3
"""With fewer, a bootstrap over seeds says nothing: no interval is shown, and no claim holds."""
MANY_SEEDS: Final = 14
"""Seeds from which a result on a small model is more than indicative; fixed before the studies."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of a study."""

    text: str
    difference: Difference
    holds: bool
    p_holm: float | None = None


def adjusted(claims: Sequence[Claim]) -> list[Claim]:
    """Claims that hold only if their p value, adjusted for the number of claims, is below 0.05."""
    values = holm([claim.difference.p for claim in claims])
    return [
        replace(c, holds=c.holds and p < 0.05 and c.difference.seeds >= FEWEST_SEEDS, p_holm=p)
        for c, p in zip(claims, values, strict=True)
    ]


def verdict_of(claims: Sequence[Claim], ours: str, proven: str, default: str) -> str:
    """What the primary claims come to.

    Args:
        claims: adjusted; of the form "... better than `arm`".
        ours: name of the method's arm.
        proven: a sentence for the case that all hold.
        default: a sentence on what stays the default otherwise.
    """
    if not claims:
        return "The primary arms were not measured yet."
    seeds = min(claim.difference.seeds for claim in claims)
    if seeds < FEWEST_SEEDS:
        return f"Too few seeds ({seeds}) to say anything. {default}"
    certain = "" if seeds >= MANY_SEEDS else f" With {seeds} seeds this is indicative."
    failed = [claim for claim in claims if not claim.holds]
    if not failed:
        return f"{proven}{certain}"
    text = f"No proof that `{ours}` helps: of {len(claims)} claims {len(claims) - len(failed)} hold"
    lost = [claim.text.rpartition("than ")[2] for claim in failed if claim.difference.low > 0]
    if lost:
        text += f", and `{ours}` is worse than {', '.join(lost)}"
    return f"{text}. {default}{certain}"


def claims_table(claims: Sequence[Claim]) -> list[str]:
    """A row for each claim."""
    rows = [
        f"| {c.text} | {points(c.difference)} | {c.difference.seeds} | {_p(c)} | {'**yes**' if c.holds else '**no**'} |"
        for c in claims
    ]
    return [
        "| claim | difference of WER, in points | seeds | p (Holm) | holds |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]


def _p(claim: Claim) -> str:
    return "" if claim.p_holm is None or claim.difference.seeds < FEWEST_SEEDS else f"{claim.p_holm:.4f}"


def points(d: Difference) -> str:
    """A difference and its interval, in percentage points; the difference alone with too few seeds."""
    if d.seeds < FEWEST_SEEDS:
        return f"{100 * d.estimate:+.1f}"
    return f"{100 * d.estimate:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f})"


def mean(cells: Sequence[Cell], name: str) -> float:
    """Mean of a figure over the cells that have it."""
    found = [cell.figures[name] for cell in cells if name in cell.figures]
    return sum(found) / len(found) if found else float("nan")


def errors_of(cells: Sequence[Cell], sets: Sequence[str]) -> Errors:
    """Word errors and words of each seed and speaker, over some test sets together."""
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for cell in cells:
        own = found.setdefault(cell.seed, {})
        for name in sets:
            for speaker, (errors, words) in cell.errors[name].items():
                before = own.get(speaker, (0, 0))
                own[speaker] = (before[0] + errors, before[1] + words)
    return found


def by_arm(plan: Plan, cells: Mapping[str, Cell]) -> dict[str, list[Cell]]:
    """The test cells of each arm that has any, by seed."""
    found: dict[str, list[Cell]] = {}
    for cell in sorted(plan.tests(cells), key=lambda cell: cell.seed):
        found.setdefault(cell.arm, []).append(cell)
    return {arm.name: found[arm.name] for arm in plan.arms if arm.name in found}


def apart(tests: Mapping[str, Sequence[Cell]], ours: str, sets: Sequence[str]) -> list[str]:
    """A sentence on the arms whose interval against ours leaves out zero; not adjusted for their number."""
    found: dict[str, list[str]] = {"better": [], "worse": []}
    errors = errors_of(tests[ours], sets)
    for name, own in tests.items():
        theirs = errors_of(own, sets)
        if name == ours or not errors.keys() & theirs.keys():
            continue
        d = paired_difference(theirs, errors)
        if d.seeds >= FEWEST_SEEDS and (d.low > 0 or d.high < 0):
            found["worse" if d.low > 0 else "better"].append(f"`{name}` {points(d)}, {d.seeds} seeds")
    told = [f"{side} than `{ours}`: {'; '.join(names)}" for side, names in found.items() if names]
    if not told:
        return [f"No arm's interval against `{ours}` leaves out zero.", ""]
    return [f"Arms whose interval leaves out zero (not adjusted for their number): {'. '.join(told)}.", ""]


def tuning_table(plan: Plan, cells: Mapping[str, Cell]) -> list[str]:
    """WER on dev at each point of each dial."""
    lines = ["| arm | dial | WER on dev | taken |", "| --- | --- | --- | --- |"]
    for arm in plan.arms:
        if arm.tuned_like is not None:
            instead = ", ".join(f"{name} {value:g}" for name, value in arm.instead)
            lines.append(f"| {arm.name} | all | as `{arm.tuned_like}` | {instead} |")
            continue
        taken = plan.dials(arm, cells)
        tried_dials = plan.tried(arm, cells)
        for dial in arm.dials:
            if dial.name not in tried_dials:
                told = "not tuned" if taken is not None else "not tuned yet"
                lines.append(f"| {arm.name} | {dial.name} | {told} | {dial.start:g} |")
        for name, tried in tried_dials.items():
            told = ", ".join(f"{point:g}: {wer:.1%}" for point, wer in tried.items())
            value = f"{dict(taken)[name]:g}" if taken is not None else "not tuned yet"
            lines.append(f"| {arm.name} | {name} | {told} | {value} |")
    return lines


def state(plan: Plan, cells: Mapping[str, Cell]) -> str:
    """How much of the plan was measured."""
    tests = by_arm(plan, cells)
    told = [f"{arm.name} {len(tests.get(arm.name, []))} of {plan.seeds_of(arm)}" for arm in plan.arms]
    dev = sum(cell.is_dev for cell in cells.values())
    return (
        f"Seeds measured of seeds planned: {', '.join(told)}. {dev} runs on dev chose the dials, with "
        f"{plan.tuning_seeds} of them for each point of a primary arm and {plan.secondary_tuning_seeds} of another one."
    )


def seeds_table(plan: Plan, cells: Mapping[str, Cell], sets: Sequence[str]) -> list[str]:
    """WER of every seed of every arm, in %."""
    tests = by_arm(plan, cells)
    names = list(tests)
    lines = [f"| seed | trained on | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    by_seed: dict[int, dict[str, Cell]] = {}
    for name, own in tests.items():
        for cell in own:
            by_seed.setdefault(cell.seed, {})[name] = cell
    for seed, row in sorted(by_seed.items()):
        values = [f"{100 * row[name].wer(sets):.1f}" if name in row else "" for name in names]
        speakers = ", ".join(next(iter(row.values())).train_speakers)
        lines.append(f"| {seed} | {speakers} | {' | '.join(values)} |")
    return lines


def draw_arms(plan: Plan, cells: Mapping[str, Cell], sets: Sequence[str], label: str, path: Path) -> None:
    """A picture: WER of each arm over all seeds, and each seed's value."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    tests = by_arm(plan, cells)
    figure = Figure(figsize=(8, 0.35 * len(tests) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    for place, own in enumerate(tests.values()):
        values = [100 * cell.wer(sets) for cell in own]
        axis.plot(values, [place] * len(values), "|", color="tab:blue", alpha=0.6)
        axis.plot([100 * corpus_wer(errors_of(own, sets))], [place], "o", color="tab:red")
    axis.set_yticks(range(len(tests)), list(tests))
    axis.invert_yaxis()
    axis.set_xlabel(f"{label} (%): dots all seeds together, ticks each seed")
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})
