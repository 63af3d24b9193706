"""Predictions beside measurements: `memory.json`, `memory.md` and a picture."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.memory.calibration import CPU, MARGIN, Calibration
from engine.memory.peak import Peak, peak_memory, trainable_parameters
from engine.memory.record import FLOAT32
from engine.memory.shape import Longest
from engine.memory.sizes import Sizes, sizes_of
from engine.models.catalogue import find_model
from tuning.studies.memory.cells import REAL, Cell
from tuning.studies.memory.data import LABELS, TEST_EXAMPLES

_LETTERS_PER_TOKEN: Final = 4.0
_HALF: Final = 2
_MB: Final = 1e6
_NAME: Final = "memory"


def predicted(cell: Cell, location: str, calibration: Calibration = CPU) -> tuple[Peak, Sizes]:
    """What the memory model says about a cell."""
    sizes = sizes_of(find_model(location))
    # The models with random weights have tokenizers of bytes.
    tokens = cell.letters / _LETTERS_PER_TOKEN if cell.model == REAL else float(cell.letters)
    longest = Longest(cell.seconds, cell.letters, tokens, len(LABELS), test_examples=TEST_EXAMPLES)
    config = TrainingConfig.model_validate(cell.config())
    return peak_memory(
        sizes, config, FLOAT32 if cell.precision == "float32" else _HALF, longest=longest, calibration=calibration
    ), sizes


def row(cell: Cell, location: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the report; bytes are growth over the fresh process."""
    peak, sizes = predicted(cell, location)
    start = measured["start_bytes"]
    grown = {phase: found - start for phase, found in measured["peaks"].items()}
    trained = FLOAT32 * trainable_parameters(sizes, TrainingConfig.model_validate(cell.config()))
    return {
        **asdict(cell),
        "family": cell.family,
        "held_out": cell.held_out,
        "predicted_bytes": peak.bytes - CPU.fresh_bytes,
        "measured_bytes": max(grown.values()),
        # Weights in float32, and for each trained one a gradient and two moments: what rules of thumb count.
        "naive_bytes": FLOAT32 * sizes.parameters + 3 * trained,
        "fresh_bytes": start,
        "predicted_phase": peak.phase,
        "measured_phase": max(grown, key=lambda phase: grown[phase]),
        "predicted_phases": {name: found - CPU.fresh_bytes for name, found in peak.totals.items()},
        "measured_phases": grown,
        "parts": peak.parts,
        "wall_s": measured["wall_s"],
    }


def error(line: Mapping[str, Any], key: str = "predicted_bytes") -> float:
    """Relative error of a prediction; positive: too much."""
    return float(line[key] / line["measured_bytes"] - 1)


def summary(rows: Sequence[Mapping[str, Any]], key: str = "predicted_bytes") -> dict[str, float]:
    """Errors over some rows."""
    sizes = sorted(abs(error(each, key)) for each in rows)
    return {
        "configurations": len(rows),
        "median_error": median(sizes),
        "p95_error": sizes[min(len(sizes) - 1, round(0.95 * (len(sizes) - 1)))],
        "largest_error": sizes[-1],
        "above_the_margin": sum(each["measured_bytes"] > MARGIN * each[key] for each in rows),
    }


def write_report(rows: Sequence[dict[str, Any]], planned: int, folder: Path) -> None:
    """Write the report.

    Args:
        rows: of the measured cells.
        planned: number of all cells.
        folder: to write to.
    """
    parts = {"all": rows, "calibrated on": [r for r in rows if not r["held_out"]]}
    parts["held out"] = [r for r in rows if r["held_out"]]
    found = {name: summary(part) for name, part in parts.items() if part}
    naive = summary(rows, "naive_bytes")
    told = {
        "machine": {"processor": platform.processor() or platform.machine(), "system": platform.platform()},
        "planned": planned,
        "calibration": asdict(CPU),
        "summary": found,
        "naive": naive,
        "rows": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{_NAME}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    _draw(rows, folder / f"{_NAME}.png")
    lines = [
        "# Memory: predicted before launch, and measured",
        "",
        "Written by `make study-memory`; every figure in it was measured by that command. Each configuration is a run of the",
        "training stage (load, three steps, evaluation of base and tuned model, saving) in a fresh process with one compute",
        "thread. Bytes are the growth of resident memory from the process that has imported its libraries to the run's peak.",
        f"{len(rows)} of {planned} configurations are measured. Constants are calibrated on four fifths of them",
        "(`engine/memory/calibration.py`); the rest is held out, chosen by the hash of its settings.",
        "",
        "| configurations | number | median error | 95th percentile | largest | measured above the prediction and its 15 % margin |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {s['configurations']} | {s['median_error']:.1%} | {s['p95_error']:.1%} | {s['largest_error']:.1%} "
        f"| {s['above_the_margin']} |"
        for name, s in (*found.items(), ("all, by the naive formula", naive))
    ]
    lines += [
        "",
        "The naive formula counts the weights in float32, and gradient and two moments of each trained one. A real Whisper",
        f"({REAL}) is among the models; the others but whisper-pico have random weights in published or similar sizes.",
        "",
        f"![Predicted and measured peaks]({_NAME}.png)",
        "",
        "| model | task | method | batch | settings | predicted, MB | measured, MB | error | naive, MB | phase | held out |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    lines += [
        f"| {r['model']} | {r['task']} | {_method(r['method'])} | {r['examples']} of {r['seconds']:g} s | {_settings(r)} "
        f"| {r['predicted_bytes'] / _MB:,.0f} | {r['measured_bytes'] / _MB:,.0f} | {error(r):+.1%} "
        f"| {r['naive_bytes'] / _MB:,.0f} | {r['measured_phase']} | {'yes' if r['held_out'] else ''} |"
        for r in rows
    ]
    (folder / f"{_NAME}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _method(method: Mapping[str, Any]) -> str:
    others = ", ".join(f"{name} {value}" for name, value in method.items() if name != "type")
    return f"{method['type']} ({others})" if others else str(method["type"])


def _settings(r: Mapping[str, Any]) -> str:
    told = [r["precision"]]
    told += ["checkpointing"] * r["checkpointing"]
    told += [r["optimizer"]] * (r["optimizer"] != "adamw")
    told += [f"{r['accumulated']} micro-batches"] * (r["accumulated"] > 1)
    more = r["more"]
    if "context" in more:
        told.append(f"{more['context']['type']} context")
    told += ["moving average"] * ("ema_decay" in more)
    told += ["base not measured"] * (more.get("evaluation", {}).get("base") is False)
    return ", ".join(told)


def _draw(rows: Sequence[Mapping[str, Any]], target: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    for held_out, marker in ((False, "o"), (True, "x")):
        some = [r for r in rows if r["held_out"] is held_out]
        measured, told = ([r[key] / _MB for r in some] for key in ("measured_bytes", "predicted_bytes"))
        axes.loglog(measured, told, marker, label="held out" if held_out else "calibrated on", alpha=0.7)
    ends = [min(r["measured_bytes"] for r in rows) / _MB, max(r["measured_bytes"] for r in rows) / _MB]
    axes.loglog(ends, ends, color="grey", linewidth=1)
    axes.fill_between(ends, [end / MARGIN for end in ends], [end * MARGIN for end in ends], color="grey", alpha=0.15)
    axes.set_xlabel("measured, MB")
    axes.set_ylabel("predicted, MB")
    axes.legend()
    figure.savefig(target, dpi=120)
