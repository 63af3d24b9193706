"""QLoRA on the encoder of a Whisper beside a linear probe on the same features and full fine-tuning.

Each cell (a dataset, a held-out part, a method) is a run of the training stage in a process of its own, so that its peak
memory is its own. Predictions of all held-out parts of a dataset are pooled for the accuracy and its interval.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.metrics.bootstrap import Interval, interval
from tuning.studies.cells import replace_file
from tuning.studies.classification.cells import METHODS, Cell, Outcome, cells, run


def accuracy_of(outcomes: Sequence[Outcome]) -> Interval:
    """Accuracy over all test examples; groups are drawn whole if there are enough of them."""
    right = [float(value) for outcome in outcomes for value in outcome.right]
    groups = [group for outcome in outcomes for group in outcome.groups]
    return interval(right, groups=groups if len(set(groups)) >= 6 else None)


def table(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each dataset and method."""
    rows = []
    for dataset in dict.fromkeys(outcome.cell.dataset for outcome in outcomes):
        for method in METHODS:
            own = [o for o in outcomes if (o.cell.dataset, o.cell.method) == (dataset, method)]
            found = accuracy_of(own)
            rows.append(
                {
                    "dataset": dataset,
                    "method": method,
                    "runs": len(own),
                    "test_examples": sum(len(o.right) for o in own),
                    "accuracy": found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "macro_f1": sum(o.macro_f1 for o in own) / len(own),
                    "trainable_parameters": own[0].trainable_parameters,
                    "training_s": sum(o.training_s for o in own) / len(own),
                    "peak_bytes": max(o.peak_bytes for o in own),
                    "saved_bytes": own[0].saved_bytes,
                }
            )
    return rows


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table for people."""
    lines = [
        "| data | method | runs | test examples | accuracy (95 %) | macro F1 | trained weights | training | peak memory | saved |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {r['dataset']} | {r['method']} | {r['runs']} | {r['test_examples']} | {r['accuracy']:.1%} "
        f"({r['low']:.1%} to {r['high']:.1%}) | {r['macro_f1']:.3f} | {r['trainable_parameters']:,} | {r['training_s']:.0f} s "
        f"| {r['peak_bytes'] / 2**20:,.0f} MiB | {r['saved_bytes'] / 2**20:.1f} MiB |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all cells that `--out` does not have yet from a study with the same settings; print and write the table."""
    parser = argparse.ArgumentParser(
        description="QLoRA, a linear probe and full fine-tuning of an audio encoder, on recordings with labels.",
        epilog="example: python -m tuning.studies.classification --model DIR --data esc10=DIR --data commands=DIR",
    )
    parser.add_argument("--data", action="append", required=True, metavar="NAME=DIR", help="recordings with labels")
    parser.add_argument("--model", required=True, help="id, folder or hub id of a Whisper, wav2vec2 or AST model")
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--parts", type=int, help="hold out only so many groups (default: each)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of a dataset with a test split of its own")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/study-classification.json"))
    arguments = parser.parse_args()

    from engine.stages.ingest import ingest

    outcomes: list[Outcome] = []
    told: dict[str, Any] = {"model": arguments.model, "epochs": arguments.epochs}
    known = earlier(arguments.out, told)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lim-study-data-") as versions:
        for named in arguments.data:
            name, _, folder = named.partition("=")
            version = Path(versions) / name
            ingest(Path(folder), version, target_types=("label", "labels"))
            for cell in cells(name, version, arguments.parts, arguments.seeds):
                started = time.perf_counter()
                outcome = known.get(cell)
                if outcome is None:
                    spawn = multiprocessing.get_context("spawn")
                    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                        outcome = pool.submit(
                            run, cell, version, arguments.model, arguments.epochs, arguments.threads
                        ).result()
                outcomes.append(outcome)
                how = "known already" if cell in known else f"in {time.perf_counter() - started:.0f} s"
                print(f"{cell}: accuracy {outcome.accuracy:.1%} {how}", flush=True)
                rest = [each for known_cell, each in known.items() if known_cell not in {o.cell for o in outcomes}]
                _write(arguments.out, {**told, "rows": [asdict(each) for each in (*outcomes, *rest)]})
    rows = table(outcomes)
    print(markdown(rows))
    _write(arguments.out, {**told, "table": rows, "rows": [asdict(each) for each in outcomes]})


def earlier(path: Path, told: Mapping[str, Any]) -> dict[Cell, Outcome]:
    """Outcomes that a study with the same settings left in a file: it goes on from there."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text())
    if any(found.get(name) != value for name, value in told.items()):
        return {}
    outcomes = [Outcome(**{**row, "cell": Cell(**row["cell"])}) for row in found["rows"]]
    return {outcome.cell: outcome for outcome in outcomes}


def _write(path: Path, figures: Mapping[str, Any]) -> None:
    replace_file(path, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
