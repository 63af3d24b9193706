"""`make study-selection`: the protocol, its cells over two processes, and the report."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, get_args

from engine.config.base import parse, read_yaml
from engine.config.context import resolve_context
from engine.config.training import TrainingConfig
from engine.data.version_files import MANIFEST_NAME
from engine.errors import EngineError
from engine.memory.sizes import sizes_of
from engine.models.catalogue import PROJECT_ROOT, find_model
from engine.stages.ingest import ingest
from tuning.studies.cells import read_cell
from tuning.studies.selection.arms import Arm, primary, secondary, tuned
from tuning.studies.selection.cells import Cell, Setting, cell_path, run_cells
from tuning.studies.selection.pools import PoolConfig, PoolName
from tuning.studies.selection.report import write_report
from tuning.studies.speakers import speakers_of

POOLS: tuple[PoolName, ...] = get_args(PoolName)
LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
_FEWEST_SPEAKERS = 4
_TUNING_SEEDS = (100, 101, 102)
_BUNDLED = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
_RECIPE = PROJECT_ROOT / "configs" / "training" / "demo.yaml"
_EXAMPLES = """\
examples:
  make study-selection DATA=fsdd                                   real speech; about an hour on two cores
  python -m tuning.studies.selection --data fsdd --seeds 2 --secondary-seeds 0 --full-steps 40    see that it runs
  python -m tuning.studies.selection --data sentences --model DIR --recipe configs/training/demo-pretrained.yaml \\
      --pools noisy --shares 0.5 --seeds 3 --secondary-seeds 0 --tuning-seeds 0 --per-speaker 10 --fewest 8 \\
      --full-steps 20 --report docs/studies/selection-sentences.md      a smaller protocol, for a larger model
An interrupted study continues from the cells in its work folder.
"""


def main() -> int:
    """Choose learning rates on dev, run every cell, report; returns 2 if the data cannot be used."""
    arguments = _parser().parse_args()
    try:
        _study(arguments)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _study(arguments: argparse.Namespace) -> None:
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.work / "data"
    if not (data / MANIFEST_NAME).exists():
        ingest(arguments.data, data)
    if len(speakers := speakers_of(data)) < _FEWEST_SPEAKERS:
        found = ", ".join(speakers) or "none"
        raise EngineError(f"found the speakers {found}; half are trained on and half tested on: give at least four")
    recipe = _recipe(arguments.recipe, arguments.model)
    pool = PoolConfig(per_speaker=arguments.per_speaker, fewest_per_speaker=arguments.fewest)
    pools: tuple[PoolName, ...] = tuple(name for name in POOLS if name in arguments.pools)
    # Only the largest share of the clean pool, where there is little to gain.
    shares = {"noisy": tuple(arguments.shares), "clean": (max(arguments.shares),)}
    setting = Setting(
        data,
        arguments.model,
        recipe,
        pool,
        arguments.full_steps,
        arguments.work,
        recipe_name=arguments.recipe.name,
        tuned_rates=LEARNING_RATES if arguments.tuning_seeds else (),
    )
    started = time.perf_counter()
    jobs = [
        (name, seed, [(arm, rate) for arm in tuned(shares[name]) for rate in LEARNING_RATES], True)
        for seed in _TUNING_SEEDS[: arguments.tuning_seeds]
        for name in pools
    ]
    _run(setting, jobs, arguments.processes, "learning rates")
    rates = {
        (name, arm.name, arm.share): _best_rate(setting, name, arm, arguments.tuning_seeds)
        for name in pools
        for arm in tuned(shares[name])
    }
    for (name, arm, share), rate in sorted(rates.items()):
        print(f"{name} pool, {arm}, share {share:g}: learning rate {rate:g}", flush=True)

    jobs = []
    for seed in range(arguments.seeds):
        for name in pools:
            arms = primary(shares[name])
            if name == "noisy" and seed < arguments.secondary_seeds:
                arms += secondary()
            jobs.append((name, seed, [(arm, rates[name, arm.tuned_like, arm.share]) for arm in arms], False))
    _run(setting, jobs, arguments.processes, "arms")

    cells = [
        cell
        for name, seed, wanted, _ in jobs
        for arm, rate in wanted
        if (cell := read_cell(cell_path(setting.work, name, seed, arm, rate, False), Cell)) is not None
    ]
    figures = write_report(cells, rates, setting, speakers, arguments.report)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cells)} cells, {time.perf_counter() - started:.0f} s; written to {arguments.report}", flush=True)


def _recipe(path: Path, model: str) -> dict[str, Any]:
    """Values of the training config, with the model's audio context."""
    recipe = read_yaml(path)
    trained = sizes_of(find_model(model)).trained_context
    return recipe | {"context": resolve_context(parse(TrainingConfig, recipe).context, trained).model_dump()}


Job = tuple[PoolName, int, list[tuple[Arm, float]], bool]


def _run(setting: Setting, jobs: Sequence[Job], processes: int, what: str) -> None:
    started, done = time.perf_counter(), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {
            pool.submit(run_cells, setting, name, seed, wanted, dev=dev): (name, seed)
            for name, seed, wanted, dev in jobs
        }
        for future in as_completed(waiting):
            name, seed = waiting[future]
            ran, done = future.result(), done + 1
            if ran:
                print(
                    f"{what}: {done} of {len(jobs)} ({name} pool, seed {seed}: {ran} cells), "
                    f"{time.perf_counter() - started:.0f} s",
                    flush=True,
                )


def _best_rate(setting: Setting, name: PoolName, arm: Arm, seeds: int) -> float:
    """The learning rate with the lowest WER on dev; without tuning seeds, the recipe's."""
    if not seeds:
        return float(setting.recipe["optimizer"]["learning_rate"])

    def wer(rate: float) -> float:
        paths = [cell_path(setting.work, name, s, arm, rate, True) for s in _TUNING_SEEDS[:seeds]]
        found: list[Cell] = [cell for path in paths if (cell := read_cell(path, Cell)) is not None]
        return sum(cell.wer for cell in found) / len(found)

    return min(LEARNING_RATES, key=wer)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tuning.studies.selection",
        description="Signal selection against training on everything and against plain baselines, on a pool with "
        "copies, wrong labels and silence and on a clean one.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("DATA") or _BUNDLED),
        help="recordings of at least four speakers, as for `make demo` (default: $DATA, else the bundled speech)",
    )
    parser.add_argument("--model", default="whisper-pico", help="(default: %(default)s)")
    parser.add_argument("--recipe", type=Path, default=_RECIPE, help="training config (default: that of `make demo`)")
    parser.add_argument(
        "--pools", nargs="+", choices=POOLS, default=POOLS, metavar="POOL", help=f"of {', '.join(POOLS)} (default: all)"
    )
    parser.add_argument(
        "--shares", nargs="+", type=float, default=[0.5, 0.25], help="of a pool's cost (default: 0.5 0.25)"
    )
    parser.add_argument("--seeds", type=int, default=14, help="of the primary claims (default: %(default)s)")
    parser.add_argument("--secondary-seeds", type=int, default=3, help="of the other arms (default: %(default)s)")
    parser.add_argument(
        "--tuning-seeds", type=int, default=2, help="per learning rate; 0: the recipe's rate (default: %(default)s)"
    )
    parser.add_argument("--fewest", type=int, default=30, help="utterances of a speaker (default: %(default)s)")
    parser.add_argument("--per-speaker", type=int, default=400, help="training utterances (default: %(default)s)")
    parser.add_argument("--full-steps", type=int, default=120, help="of training on everything (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="at once, a thread each (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/study-selection"), help="(default: %(default)s)")
    parser.add_argument("--report", type=Path, default=Path("docs/studies/selection.md"), help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/study-selection.json"), help="(default: %(default)s)")
    return parser


if __name__ == "__main__":
    # Before the processes import torch: each has one thread, which sleeps while it waits.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    raise SystemExit(main())
