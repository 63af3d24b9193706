"""The report of the study: `docs/studies/selection.md` with its plots, made from the cells in `selection.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tuning.studies.intervals import Difference, Errors, corpus_wer, paired_difference
from tuning.studies.selection.arms import BASELINE, EVENLY, FULL, METHOD, SHUFFLED
from tuning.studies.selection.cells import Cell
from tuning.studies.selection.plan import LEARNING_RATES, Rates, Run, SelectionArchive, keys_of, missing_of
from tuning.studies.selection.pools import PoolConfig
from tuning.studies.tables import FEWEST_SEEDS, Claim, adjusted, claims_table, points

MARGIN = 0.05
"""Non-inferiority margin, as a share of the WER of training on everything; fixed before the study."""
_INTRODUCTION = """\
# Signal selection: quality at a fraction of the audio

Written by `make study-selection`; every figure in it was measured by that command. The method is in
`docs/ARCHITECTURE.md`, the arms in `tuning/studies/selection/arms.py`. Its cells are in [{archive}]({archive}), from which
`make study-selection REPORT=1` writes this page again.
"""


class Results:
    """Cells by pool, arm and share."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells: dict[tuple[str, str, float], list[Cell]] = {}
        for cell in cells:
            self._cells.setdefault((cell.pool, cell.arm, cell.share), []).append(cell)

    def of(self, pool: str, arm: str, share: float) -> list[Cell]:
        """The cells of an arm, one for each seed."""
        return sorted(self._cells.get((pool, arm, share), []), key=lambda c: c.seed)

    def arms(self, pool: str) -> list[tuple[str, float]]:
        """Every arm of a pool, the largest share first."""
        found = [(arm, share) for name, arm, share in self._cells if name == pool]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def pools(self) -> list[str]:
        """The pools with cells, the noisy one first."""
        return sorted({name for name, _, _ in self._cells}, reverse=True)

    def errors(self, pool: str, arm: str, share: float) -> Errors:
        """Word errors and words of an arm."""
        return {c.seed: {name: (e, w) for name, (e, w) in c.errors.items()} for c in self.of(pool, arm, share)}

    def difference(
        self, pool: str, ours: tuple[str, float], theirs: tuple[str, float], margin: float = 0.0
    ) -> Difference | None:
        """Difference of two arms' WER; None if they have no seed in common yet."""
        if not self.errors(pool, *ours).keys() & self.errors(pool, *theirs).keys():
            return None
        return paired_difference(self.errors(pool, *ours), self.errors(pool, *theirs), margin=margin)


def claims_of(results: Results) -> list[Claim]:
    """The primary claims as far as their arms were measured, with p values adjusted for multiple comparisons."""
    claims = []
    noisy, clean = ([share for arm, share in results.arms(pool) if arm == METHOD] for pool in ("noisy", "clean"))
    for share in noisy:
        ours = (METHOD, share)
        worse = results.difference("noisy", ours, (FULL, 1.0), MARGIN)
        if share == max(noisy) and worse is not None:
            text = f"noisy pool: {share:.0%} selected is not worse than everything by more than {MARGIN:.0%}"
            claims.append(Claim(text, worse, worse.high < 0))
        plain = results.difference("noisy", ours, (BASELINE, share))
        control = results.difference("noisy", ours, (SHUFFLED, share))
        if plain is not None and control is not None:
            text = f"noisy pool: {share:.0%} selected is better than {share:.0%} drawn evenly over durations"
            claims.append(Claim(text, plain, plain.high < 0 and control.high < 0))
    claims = adjusted(claims)
    for share in clean:
        tie = results.difference("clean", (METHOD, share), (BASELINE, share))
        if tie is not None:
            text = f"clean pool: a tie with {share:.0%} drawn evenly over durations"
            claims.append(Claim(text, tie, tie.seeds >= FEWEST_SEEDS and tie.low <= 0 <= tie.high))
    return claims


def write_report(archive: SelectionArchive, path: Path) -> None:
    """Write the report with its plots, of all runs in the archive.

    Args:
        archive: of the study.
        path: of the report; plots go into the same folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = [_INTRODUCTION.format(archive=path.with_suffix(".json").name)]
    for number, run in enumerate(archive.runs()):
        sections.append(_section(run, path.with_name(f"{path.stem}-{number}.md")))
    path.write_text("\n".join(sections), encoding="utf-8")


def _section(run: Run, path: Path) -> str:
    title = f"## {run.setting['model']}, {run.setting['data']}\n"
    rates = run.plan.rates(run.cells)
    if rates is None:
        return (
            f"{title}\n{missing_of(run.plan.dev_jobs(), run.cells)} runs on dev are missing to choose learning rates.\n"
        )
    jobs = run.plan.jobs(rates)
    results = Results([run.cells[key] for key in keys_of(jobs) if key in run.cells])
    if not any(results.of(pool, FULL, 1.0) for pool in results.pools()):
        return f"{title}\nNo test was measured yet.\n"
    plots = _draw(results, path)
    parts = [
        title,
        _setting(run, results, rates),
        _claims(claims_of(results)),
        *[_pool(results, pool, plots[pool]) for pool in results.pools()],
        _each(results),
    ]
    return "\n".join(parts)


def _setting(run: Run, results: Results, rates: Rates) -> str:
    setting, pool = run.setting, PoolConfig(**run.setting["pool"])
    told = ", ".join(f"{name} pool, {arm} {share:g}: {rate:g}" for (name, arm, share), rate in sorted(rates.items()))
    how = "That of the recipe, not tuned for each arm"
    if run.plan.tuning_seeds:
        tried = ", ".join(f"{rate:g}" for rate in LEARNING_RATES)
        how = (
            f"For each pool and share, and apart for the method and the plain baseline, that of {{{tried}}} with the "
            "lowest WER on dev recordings, which no test takes; the shuffled control has the method's"
        )
    seeds = {name: len(results.of(name, FULL, 1.0)) for name in results.pools()}
    measured = ", ".join(f"{name} pool {count} of {run.plan.seeds}" for name, count in seeds.items())
    return f"""\
### What was done

Base: `{setting["model"]}`, QLoRA by the recipe `{setting["recipe"]}`. {len(setting["speakers"])} speakers
({", ".join(setting["speakers"])}); in each seed half of them are trained on and the other half are tested on, each half in turn. A seed also draws the pool, the
selection, the adapter's first weights and the order of the data, the same for every arm.

- **Pools.** {pool.per_speaker} utterances of each training speaker. Clean: the recordings as they are. Noisy: {pool.copied_share:.0%} of them
  are {pool.copies} copies each of the same recordings at other levels, {pool.wrong_share:.1%} of the texts are those of other recordings, and
  {pool.silence_share:.0%} stand between {pool.silence_s[0]:g} to {pool.silence_s[1]:g} s of silence on each side.
- **Budget.** A share of the seconds that the encoder runs over in one pass over the pool, and the same share of the
  {setting["full_steps"]} optimizer steps of training on everything. Every arm but `full` trims silence.
- **Learning rate.** {how}: {told}.
- **Test.** Up to {pool.test_per_speaker} recordings of each test speaker, once. Seeds measured of seeds planned, primary arms: {measured}.
- **Intervals.** 95 %, hierarchical paired bootstrap: seeds, then speakers, 10,000 draws, of the difference of corpus WER.
  p values of the claims about the noisy pool are adjusted by Holm. "Better" means that the interval lies below zero
  against the plain baseline and against the method with shuffled scores. With fewer than three seeds there is none.
"""


def _claims(claims: Sequence[Claim]) -> str:
    if not claims:
        return "### Claims\n\nThe primary arms were not measured yet.\n"
    note = f"For the first claim the difference is WER less {1 + MARGIN:g} times that of everything.\n"
    return "\n".join(["### Claims", "", *claims_table(claims), "", note])


def _pool(results: Results, pool: str, plot: str) -> str:
    head = (
        "| arm | share | seeds | WER | less `full` | less the baseline | wrong texts | encoder s | training s | "
        "selection s | peak MiB |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    rows = []
    for arm, share in results.arms(pool):
        cells = results.of(pool, arm, share)
        full = _less(results, pool, (arm, share), (FULL, 1.0))
        plain = _less(results, pool, (arm, share), (BASELINE, share)) if arm != FULL else ""
        rows.append(
            f"| {arm} | {share:g} | {len(cells)} | {corpus_wer(results.errors(pool, arm, share)):.1%} | {full} | {plain} | "
            f"{_mean(cells, 'wrong_share'):.1%} | {_mean(cells, 'encoder_s'):.0f} | {_mean(cells, 'training_s'):.0f} | "
            f"{_mean(cells, 'selection_s'):.0f} | {_mean(cells, 'peak_bytes') / 2**20:.0f} |"
        )
    largest = max((share for arm, share in results.arms(pool) if arm == METHOD), default=0.0)
    decisions = [c.decision for c in results.of(pool, METHOD, largest) if c.decision]
    enabled = sum(bool(d["enabled"]) for d in decisions)
    said = f"The disagreement with full precision was switched on in {enabled} of {len(decisions)} selections (NF4).\n"
    title = f"### The {pool} pool"
    return "\n".join([title, "", head, *rows, "", said, f"![WER of each arm]({plot})", ""])


def _less(results: Results, pool: str, ours: tuple[str, float], theirs: tuple[str, float]) -> str:
    """Our WER less theirs; empty for an arm itself, and if there is no seed in common."""
    found = results.difference(pool, ours, theirs) if ours != theirs else None
    return "" if found is None else points(found)


def _each(results: Results) -> str:
    lines = ["### Each seed", "", "WER of the primary arms, in %.", ""]
    for pool in results.pools():
        shares = sorted({share for _, share in results.arms(pool)} - {1.0}, reverse=True)
        arms = [(FULL, 1.0), *[(arm, s) for s in shares for arm in (METHOD, EVENLY, BASELINE, SHUFFLED)]]
        arms = [arm for arm in arms if results.of(pool, *arm)]
        lines += [f"| {pool} pool, seed | trained on | " + " | ".join(f"{arm} {share:g}" for arm, share in arms) + " |"]
        lines += ["| --- " * (len(arms) + 2) + "|"]
        by_arm = {arm: {c.seed: c for c in results.of(pool, *arm)} for arm in arms}
        for seed, cell in sorted(by_arm[FULL, 1.0].items()):
            values = [f"{100 * by_arm[arm][seed].wer:.1f}" if seed in by_arm[arm] else "" for arm in arms]
            lines.append(f"| {seed} | {', '.join(cell.train_speakers)} | " + " | ".join(values) + " |")
        lines.append("")
    return "\n".join(lines)


def _mean(cells: Sequence[Cell], name: str) -> float:
    return sum(float(getattr(c, name)) for c in cells) / len(cells)


def _draw(results: Results, path: Path) -> dict[str, str]:
    """A plot for each pool: WER of every arm, with each seed's value."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    names = {}
    for pool in results.pools():
        arms = results.arms(pool)
        figure = Figure(figsize=(8, 0.35 * len(arms) + 1.2), layout="constrained")
        FigureCanvasAgg(figure)
        axis = figure.add_subplot()
        for place, (arm, share) in enumerate(arms):
            values = [100 * c.wer for c in results.of(pool, arm, share)]
            axis.plot(values, [place] * len(values), "|", color="tab:blue", alpha=0.6)
            axis.plot([100 * corpus_wer(results.errors(pool, arm, share))], [place], "o", color="tab:red")
        axis.set_yticks(range(len(arms)), [f"{arm} {share:g}" for arm, share in arms])
        axis.invert_yaxis()
        axis.set_xlabel(f"WER on unheard speakers, {pool} pool (%): dots all seeds together, ticks each seed")
        axis.grid(alpha=0.3)
        names[pool] = f"{path.stem}-{pool}.png"
        figure.savefig(path.with_name(names[pool]), dpi=100, metadata={"Software": None})
    return names
