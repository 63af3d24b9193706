"""`make study-allocation`: tune each arm on dev, test it on many seeds, and report; in pieces that go on from each other."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from tuning.studies.allocation.arms import ARMS, NAMES
from tuning.studies.allocation.report import RankReport
from tuning.studies.command import add_options, main_of, plan_of, run_piece, speech_of

_EXAMPLES: Final = """\
examples:
  make study-allocation DATA=DIR MINUTES=30            a piece; the next call goes on from its cells
  make study-allocation REPORT=1                       the report alone, of what was measured before
  python -m tuning.studies.allocation --data DIR --model DIR --arms uniform sketch shuffled-0 --seeds 3
  python -m tuning.studies.allocation --steps 10 --seeds 1 --secondary-seeds 1 --tuning-seeds 1 --per-speaker 20 \\
      --work build/try --report build/try/allocation.md                          see that it runs
"""


def _study(arguments: argparse.Namespace) -> None:
    # Imported here: torch takes seconds, and --help needs none of it.
    from tuning.studies.allocation.cells import TEST, RankTrials, Setting

    data, speakers = speech_of(arguments)
    setting = Setting(
        model=Path(arguments.model).name,
        data=arguments.data.name,
        speakers=speakers,
        rank=arguments.rank,
        steps=arguments.steps,
        batch_s=arguments.batch_s,
        per_speaker=arguments.per_speaker,
        test_per_speaker=arguments.test_per_speaker,
        examples=arguments.examples,
    )
    plan = plan_of(arguments, ARMS, (TEST,))
    run_piece(arguments, setting, plan, lambda work: RankTrials(setting, arguments.model, data, work))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tuning.studies.allocation",
        description="Ranks allocated by a sketch of the gradient against the same rank everywhere, the same ranks in other "
        "places, single parts of the model, EVA and AdaLoRA, at about as many trained parameters.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "allocation", NAMES, steps=60)
    parser.add_argument("--rank", type=int, default=2, help="of every layer in `uniform` (default: %(default)s)")
    parser.add_argument("--batch-s", type=float, default=12.0, help="seconds of audio in a step (default: %(default)s)")
    parser.add_argument("--per-speaker", type=int, default=200, help="training utterances (default: %(default)s)")
    parser.add_argument("--test-per-speaker", type=int, default=250, help="at most (default: %(default)s)")
    parser.add_argument(
        "--examples", type=int, default=200, help="that the sketch is measured on (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    raise SystemExit(main_of(_study, RankReport(), _parser()))
