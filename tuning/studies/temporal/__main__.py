"""`make study-temporal`: tune each arm on dev, test it on mixes, and report; in pieces that go on from each other."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from tuning.studies.command import add_options, main_of, plan_of, run_piece, speech_of
from tuning.studies.temporal.arms import ARMS, NAMES
from tuning.studies.temporal.report import GateReport

_EXAMPLES: Final = """\
examples:
  make study-temporal DATA=DIR SOUNDS=DIR MINUTES=30   a piece; the next call goes on from its cells
  make study-temporal REPORT=1                         the report alone, of what was measured before
  python -m tuning.studies.temporal --data DIR --sounds DIR --model DIR --arms learned constant shuffled --seeds 3
  python -m tuning.studies.temporal --steps 2 --seeds 1 --secondary-seeds 1 --tuning-seeds 1 --per-mix 4 \\
      --test-per-mix 4 --work build/try --report build/try/temporal.md           see that it runs
"""


def _study(arguments: argparse.Namespace) -> None:
    # Imported here: torch takes seconds, and --help needs none of it.
    from tuning.studies.temporal.cells import HARD, GateTrials, Setting

    data, speakers = speech_of(arguments)
    setting = Setting(
        model=Path(arguments.model).name,
        data=arguments.data.name,
        sounds=arguments.sounds.name if arguments.sounds else "",
        speakers=speakers,
        rank=arguments.rank,
        steps=arguments.steps,
        batch_s=arguments.batch_s,
        per_mix=arguments.per_mix,
        test_per_mix=arguments.test_per_mix,
    )
    plan = plan_of(arguments, ARMS, HARD)
    run_piece(arguments, setting, plan, lambda work: GateTrials(setting, arguments.model, data, arguments.sounds, work))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tuning.studies.temporal",
        description="Ranks that follow the audio against six baselines with as many trained parameters, on mixes of "
        "recordings with silence, noise and changes of the speaker.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "temporal", NAMES, steps=50)
    sounds = os.environ.get("SOUNDS")
    parser.add_argument(
        "--sounds",
        type=Path,
        default=Path(sounds) if sounds else None,
        help="folder of recordings without speech, for noise (default: $SOUNDS, else pink noise)",
    )
    parser.add_argument("--rank", type=int, default=8, help="of every layer (default: %(default)s)")
    parser.add_argument("--batch-s", type=float, default=12.0, help="seconds of audio in a step (default: %(default)s)")
    parser.add_argument("--per-mix", type=int, default=80, help="training mixes of each kind (default: %(default)s)")
    parser.add_argument("--test-per-mix", type=int, default=60, help="(default: %(default)s)")
    return parser


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    raise SystemExit(main_of(_study, GateReport(), _parser()))
