"""CTC and retrieval from random weights: a small CTC encoder on spoken digits, a small CLAP on sounds and texts.

Each run holds out a speaker or a fold of recordings and is measured on it.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final

_TEXTS: Final = ("caption", "title")
_METADATA: Final = "metadata.csv"


def with_column(source: Path, column: str, folder: Path) -> Path:
    """A copy of recordings with captions whose captions are one column of its `metadata.csv`."""
    with (source / _METADATA).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(_METADATA))
    with (folder / _METADATA).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "caption", "fold"])
        writer.writerows([row["file"], row[column], row["fold"]] for row in rows)
    return folder


def shown(row: dict[str, Any]) -> str:
    """A run for people."""
    told = {name: value for name, value in row.items() if name != "answers"}
    return json.dumps(told, indent=1)


def main() -> None:
    """Run what is asked for; print each run's figures, and write them with all answers."""
    parser = argparse.ArgumentParser(
        description="A small CTC encoder and a small CLAP from random weights, on recordings that they never heard.",
        epilog="example: python -m tuning.studies.from_scratch --digits DIR --held-out nicolas --sounds DIR --fold 1",
    )
    parser.add_argument("--digits", type=Path, help="recordings of spoken digits, such as FSDD")
    parser.add_argument("--held-out", action="append", metavar="SPEAKER", help="unheard speaker; several: a run each")
    parser.add_argument("--sounds", type=Path, help="recordings with a metadata.csv of captions and titles: ESC-10")
    parser.add_argument("--fold", action="append", metavar="FOLD", help="unheard fold; several: a run each")
    parser.add_argument("--digit-epochs", type=float, default=30.0)
    parser.add_argument("--sound-epochs", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/study-from-scratch.json"))
    arguments = parser.parse_args()

    from engine.stages.ingest import ingest
    from tuning.studies.from_scratch.runs import digits, sounds

    rows: list[dict[str, Any]] = []

    def keep(row: dict[str, Any], started: float) -> None:
        print(shown({**row, "wall_s": round(time.perf_counter() - started, 1)}), flush=True)
        rows.append(row)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")

    same = {"seed": arguments.seed, "threads": arguments.threads}
    with tempfile.TemporaryDirectory(prefix="lim-study-data-") as made:
        folder = Path(made)
        if arguments.digits is not None:
            ingest(arguments.digits, folder / "digits")
            for speaker in arguments.held_out or ["nicolas"]:
                started = time.perf_counter()
                keep(digits(folder / "digits", speaker, epochs=arguments.digit_epochs, **same), started)
        for column in _TEXTS if arguments.sounds is not None else ():
            source = with_column(arguments.sounds, column, folder / f"{column}-source")
            ingest(source, folder / column, target_types=("captions",))
            for fold in arguments.fold or ["1"]:
                started = time.perf_counter()
                keep(sounds(folder / column, fold, f"{column}s", epochs=arguments.sound_epochs, **same), started)


if __name__ == "__main__":
    main()
