"""What the commands of the studies that compare arms have in common: options, data, pieces. Does not import torch."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from engine.data.version_files import MANIFEST_NAME
from engine.errors import EngineError
from engine.models.catalogue import PROJECT_ROOT
from tuning.studies.archive import Archive, Conditions
from tuning.studies.report import StudyReport
from tuning.studies.trials import Arm, Cell, Plan, read_cells, run_trials

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from tuning.studies.laboratory import Laboratory

_BUNDLED: Final = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
_FEWEST_SPEAKERS: Final = 4


def add_options(parser: argparse.ArgumentParser, study: str, arms: Sequence[str], *, steps: int) -> None:
    """The options of every such study.

    Args:
        parser: of the study's command.
        study: its name, as in `make study-NAME`.
        arms: names of all of its arms.
        steps: of a training, unless told otherwise.
    """
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("DATA") or _BUNDLED),
        help="recordings of at least four speakers, as for `make demo` (default: $DATA, else the bundled speech)",
    )
    parser.add_argument("--model", default="whisper-pico", help="id, or a folder (default: %(default)s)")
    parser.add_argument("--arms", nargs="+", choices=arms, default=arms, metavar="ARM", help="(default: all)")
    parser.add_argument("--steps", type=int, default=steps, help="of a training (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=14, help="of the primary arms (default: %(default)s)")
    parser.add_argument("--secondary-seeds", type=int, default=4, help="of the other arms (default: %(default)s)")
    parser.add_argument(
        "--tuning-seeds", type=int, default=2, help="of a point, primary arms; 0: no tuning (default: %(default)s)"
    )
    parser.add_argument("--secondary-tuning-seeds", type=int, default=1, help="of the others (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="start no run later than this (default: until all have run)")
    parser.add_argument("--only-report", action="store_true", help="run nothing: report what was measured before")
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="COUNT",
        help="measure so many archived tests again, and compare; store nothing",
    )
    parser.add_argument("--work", type=Path, default=Path(f"build/study-{study}"), help="(default: %(default)s)")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path(f"docs/studies/{study}.md"),
        help="the cells go into a JSON file beside it (default: %(default)s)",
    )


def plan_of(arguments: argparse.Namespace, arms: Sequence[Arm], judged_on: tuple[str, ...]) -> Plan:
    """The plan that the options ask for.

    Raises:
        EngineError: an arm without the one whose dials it uses.
    """
    chosen = tuple(arm for arm in arms if arm.name in arguments.arms)
    needed = {arm.tuned_like: arm.name for arm in chosen if arm.tuned_like is not None}
    if missing := needed.keys() - {arm.name for arm in chosen}:
        told = ", ".join(f"{needed[name]} uses the dials of {name}" for name in sorted(missing))
        raise EngineError(f"--arms: {told}: add {', '.join(sorted(missing))}")
    return Plan(
        arms=chosen,
        seeds=arguments.seeds,
        secondary_seeds=arguments.secondary_seeds,
        tuning_seeds=arguments.tuning_seeds,
        secondary_tuning_seeds=arguments.secondary_tuning_seeds,
        judged_on=judged_on,
    )


def speech_of(arguments: argparse.Namespace) -> tuple[Path, list[str]]:
    """The dataset version of the recordings, which is made once, and its speakers.

    Raises:
        EngineError: fewer than four speakers.
    """
    from engine.stages.ingest import ingest  # imports torch
    from tuning.studies.speakers import speakers_of

    data = arguments.work / "data" / arguments.data.name
    if not (data / MANIFEST_NAME).exists():
        ingest(arguments.data, data)
    if len(speakers := speakers_of(data)) < _FEWEST_SPEAKERS:
        found = ", ".join(speakers) or "none"
        raise EngineError(f"found the speakers {found}; half are trained on and half tested on: give at least four")
    return data, speakers


def run_piece(
    arguments: argparse.Namespace, setting: DataclassInstance, plan: Plan, laboratory_in: Callable[[Path], Laboratory]
) -> None:
    """Run what is due of a plan, and put its cells into the archive beside the report.

    Trials whose cells the archive has, measured under the same conditions, are not run.

    Args:
        arguments: of the command.
        setting: of the study.
        plan: of the study.
        laboratory_in: makes the laboratory, given a folder for the current trial.

    Raises:
        EngineError: the archive cannot be read; `--repeat`: archived cells came out otherwise.
    """
    archive = Archive(arguments.report.with_suffix(".json"))
    archive.runs()  # a file that cannot be read is an error now, not after hours
    arguments.work.mkdir(parents=True, exist_ok=True)
    # Two processes may measure one study on two models.
    with TemporaryDirectory(prefix="current-", dir=arguments.work) as scratch:
        laboratory = laboratory_in(Path(scratch))
        conditions = Conditions(asdict(setting), laboratory.basis())
        known = archive.cells(conditions)
        if arguments.repeat:
            tests = plan.tests(known)
            count = min(arguments.repeat, len(tests))
            _repeat([tests[place * len(tests) // count] for place in range(count)], laboratory)  # of all arms
            return
        folder = arguments.work / f"{conditions.setting['model']}-{conditions.digest}"
        count = run_trials(plan, folder, laboratory.run, minutes=arguments.minutes, known=known)
    cells = {**known, **read_cells(folder)}
    archive.put(conditions, plan, cells)
    rest = "the plan is complete" if plan.next(cells) is None else "more are due"
    print(f"{count} runs, {len(known)} cells taken from the archive, {len(cells)} in all; {rest}", flush=True)


def _repeat(cells: Sequence[Cell], laboratory: Laboratory) -> None:
    """Measure archived cells again."""
    other = []
    for cell in cells:
        again = laboratory.run(cell.trial)
        same = again.errors == cell.errors
        print(f"{cell.key}: {'the same' if same else f'now {again.errors}, archived {cell.errors}'}", flush=True)
        other += [] if same else [cell.key]
    if other:
        raise EngineError(
            f"{len(other)} of {len(cells)} archived cells come out otherwise: {', '.join(other)}. If it is not this "
            "machine's rounding, raise ARITHMETIC in tuning/studies/laboratory.py"
        )


def main_of(study: Callable[[argparse.Namespace], None], report: StudyReport, parser: argparse.ArgumentParser) -> int:
    """Run a study's command, and write its report.

    Returns:
        The exit status: 2 if the data, the model or the archive cannot be used.
    """
    arguments = parser.parse_args()
    try:
        if not arguments.only_report:
            study(arguments)
        report.write(Archive(arguments.report.with_suffix(".json")), arguments.report)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written to {arguments.report}", flush=True)
    return 0
