"""`make study-selection`: the protocol, its cells over two processes, and the report."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
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
from tuning.studies.archive import Conditions
from tuning.studies.cells import read_cell, write_cell
from tuning.studies.laboratory import basis_of
from tuning.studies.selection.cells import Cell, Setting, run_cells
from tuning.studies.selection.plan import Job, Plan, SelectionArchive, missing_of
from tuning.studies.selection.pools import PoolConfig, PoolName
from tuning.studies.selection.report import write_report
from tuning.studies.speakers import speakers_of

POOLS: tuple[PoolName, ...] = get_args(PoolName)
_FEWEST_SPEAKERS = 4
_BUNDLED = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
_RECIPE = PROJECT_ROOT / "configs" / "training" / "demo.yaml"
_EXAMPLES = """\
examples:
  make study-selection DATA=fsdd                                   real speech; about an hour on two cores
  python -m tuning.studies.selection --data fsdd --seeds 2 --secondary-seeds 0 --full-steps 40    see that it runs
  python -m tuning.studies.selection --data sentences --model DIR --recipe configs/training/demo-pretrained.yaml \\
      --pools noisy --shares 0.5 --seeds 3 --secondary-seeds 0 --tuning-seeds 0 --per-speaker 10 --fewest 8 \\
      --full-steps 20 --report docs/studies/selection-sentences.md      a smaller protocol, for a larger model
An interrupted study continues from the cells in its work folder, and from those in the JSON file beside its report.
"""


def main() -> int:
    """Choose learning rates on dev, run every cell, report; returns 2 if the data or the archive cannot be used."""
    arguments = _parser().parse_args()
    archive = SelectionArchive(arguments.report.with_suffix(".json"))
    try:
        if not arguments.only_report:
            _study(arguments, archive)
        if not archive.runs():
            raise EngineError(f"{archive.path} holds no cells, so there is nothing to report: run the study first")
        write_report(archive, arguments.report)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written to {arguments.report}", flush=True)
    return 0


def _study(arguments: argparse.Namespace, archive: SelectionArchive) -> None:
    archive.runs()  # a file that cannot be read is an error now, not after hours
    started = time.time()
    until = None if arguments.minutes is None else started + 60 * arguments.minutes
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.work / "data" / arguments.data.name
    if not (data / MANIFEST_NAME).exists():
        ingest(arguments.data, data)
    if len(speakers := speakers_of(data)) < _FEWEST_SPEAKERS:
        found = ", ".join(speakers) or "none"
        raise EngineError(f"found the speakers {found}; half are trained on and half tested on: give at least four")
    values = read_yaml(arguments.recipe)
    pool = PoolConfig(per_speaker=arguments.per_speaker, fewest_per_speaker=arguments.fewest)
    recipe = _recipe(values, arguments.model)
    plan = Plan(
        tuple(name for name in POOLS if name in arguments.pools),
        tuple(arguments.shares),
        arguments.seeds,
        arguments.secondary_seeds,
        arguments.tuning_seeds,
        float(recipe["optimizer"]["learning_rate"]),
    )
    conditions = Conditions(
        {
            "model": Path(arguments.model).name,
            "data": arguments.data.name,
            "speakers": speakers,
            "recipe": arguments.recipe.name,
            "pool": asdict(pool),
            "full_steps": arguments.full_steps,
        },
        basis_of(arguments.model, data, values),
    )
    folder = arguments.work / f"{Path(arguments.model).name}-{conditions.digest}"
    known = archive.cells(conditions)
    for key, cell in known.items():
        if not (path := folder / f"{key}.json").exists():
            write_cell(path, cell)
    setting = Setting(data, arguments.model, recipe, pool, arguments.full_steps, arguments.work, folder)
    _run(setting, plan.dev_jobs(), arguments.processes, "learning rates", until)
    rates = plan.rates(_cells(folder))
    if rates is not None:
        for (name, arm, share), rate in sorted(rates.items()):
            print(f"{name} pool, {arm}, share {share:g}: learning rate {rate:g}", flush=True)
        _run(setting, plan.jobs(rates), arguments.processes, "arms", until)
    cells = _cells(folder)
    archive.put(conditions, plan, cells)
    missing = missing_of(plan.dev_jobs(), cells) if rates is None else missing_of(plan.jobs(rates), cells)
    rest = f"{missing} more are due" if missing else "the plan is complete"
    print(
        f"{len(known)} cells taken from the archive, {len(cells)} in all, {time.time() - started:.0f} s; {rest}",
        flush=True,
    )


def _cells(folder: Path) -> dict[str, Cell]:
    found = [read_cell(path, Cell) for path in sorted(folder.glob("*.json"))]
    return {cell.key: cell for cell in found if cell is not None}


def _recipe(values: dict[str, Any], model: str) -> dict[str, Any]:
    """Values of the training config, with the model's audio context."""
    trained = sizes_of(find_model(model)).trained_context
    return values | {"context": resolve_context(parse(TrainingConfig, values).context, trained).model_dump()}


def _run(setting: Setting, jobs: Sequence[Job], processes: int, what: str, until: float | None) -> None:
    started, done = time.perf_counter(), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {
            pool.submit(run_cells, setting, name, seed, wanted, dev=dev, until=until): (name, seed)
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
    parser.add_argument("--minutes", type=float, help="start no run later than this (default: until all have run)")
    parser.add_argument("--only-report", action="store_true", help="run nothing: report what was measured before")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("docs/studies/selection.md"),
        help="the cells go into a JSON file beside it (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    # Before the processes import torch: each has one thread, which sleeps while it waits.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    raise SystemExit(main())
