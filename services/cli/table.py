"""The result of a run as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table

from engine.metrics.registry import metric_named
from engine.ranks.ranks import RankSummary
from engine.run.shown import amount, duration, rate, size
from services.cli.output import cell

_WHOLE: Final = frozenset({"full", "pretrain"})
"""Methods that train every weight."""


def result_table(result: Mapping[str, Any], *, where: str, extra: Mapping[str, str] | None = None) -> Table:
    """A table of a run's `result.json`, followed by `extra` rows and by `where` the run's output is."""
    rows: dict[str, str] = {}
    made = "Model" if result["method"] in _WHOLE else "Adapter"
    unit = str(result["cost_unit"])
    if result.get("train_examples"):
        rows["Trained on"] = f"{result['train_examples']:,} examples, {amount(result['train_cost'], unit)}"
    groups = ", ".join(result.get("test_groups") or [])
    if result.get("test_examples"):
        rows["Tested on"] = f"{result['test_examples']} examples" + (f" of {groups}" if groups else "")
    primary = metric_named(result["primary"])
    for side, label in (
        ("base", "of the base model"),
        ("tuned", "with the adapter" if made == "Adapter" else "after training"),
    ):
        value = (result.get(side) or {}).get(primary.name)
        if value is not None:
            rows[f"{primary.title} {label}"] = primary.shown(value)
    for name, fact in (result.get("facts") or {}).items():
        rows[name.replace("_", " ").capitalize()] = str(fact)
    if result.get("left_out_count"):
        rows["Left out"] = f"{result['left_out_count']:,} that the model cannot take, named in the log"
    trainable, total = int(result["trainable_parameters"]), int(result["total_parameters"])
    rows["Trainable parameters"] = f"{trainable:,} of {total:,} ({trainable / total:.1%})"
    if result.get("ranks"):
        rows["Ranks"] = RankSummary.model_validate(result["ranks"]).sentence()
    rows[made] = size(result["saved_bytes"])
    rows["Peak memory of training"] = size(result["peak_bytes"])
    rows["Wall time"] = duration(result["wall_s"])
    rows["Throughput"] = rate(result["cost_per_s"], unit)
    rows.update(extra or {})
    rows["Path"] = where
    table = Table(show_header=False, title=cell(f"{result['model']}, {result['method']}, {result['steps']} steps"))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in rows.items():
        table.add_row(label, cell(value))
    return table
