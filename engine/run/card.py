"""Write the README of an adapter or a model."""

from __future__ import annotations

from engine.config.training import TrainingConfig
from engine.data.splits import Splits
from engine.families.usage import Usage
from engine.metrics.registry import metric_named
from engine.run.shown import amount, rate
from engine.run.training_result import RunResult


def adapter_card(result: RunResult, config: TrainingConfig, splits: Splits, usage: Usage) -> str:
    """Markdown with the base, the data, the measurements, and how to load the adapter or model."""
    is_adapter = config.method.output == "adapter"
    header = ["---", "library_name: " + ("peft" if is_adapter else "transformers")]
    header += [f"base_model: {result.model}", f"pipeline_tag: {config.task.pipeline}", "---"]
    rows = [
        ("method", result.method),
        ("optimizer steps", f"{result.steps:,}"),
        ("trainable parameters", f"{result.trainable_parameters:,} of {result.total_parameters:,}"),
        *([("ranks", result.ranks.sentence())] if result.ranks is not None else []),
        ("trained on", f"{amount(result.train_cost, result.cost_unit)} in {result.train_examples:,} examples"),
        ("training groups", ", ".join(sorted({u.group for u in splits.train if u.group})[:50]) or "not named"),
        ("tested on", f"{result.test_examples:,} examples of {_tested(result, splits)}"),
        *_metrics(result),
        ("the base is", _precision(config)),
        *((name.replace("_", " "), str(value)) for name, value in result.facts.items()),
        *([("left out", f"{result.left_out_count:,} examples")] if result.left_out_count else []),
        ("peak memory", f"{result.peak_bytes / 2**20:,.0f} MiB"),
        ("throughput of training", rate(result.cost_per_s, result.cost_unit)),
        *_memory(result),
    ]
    table = ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    title = f"# {'Adapter for' if is_adapter else 'Model from'} {result.model}"
    notes = [f"- {warning}" for warning in result.warnings]
    notes = ["", "## What to know about these figures", "", *notes] if notes else []
    return "\n".join(
        [
            *header,
            "",
            title,
            "",
            *table,
            *notes,
            "",
            "## Use",
            "",
            *usage.lines(config.method),
            "",
        ]
    )


def _tested(result: RunResult, splits: Splits) -> str:
    names = ", ".join(result.test_groups[:50]) or "groups that are not named"
    shared = splits.shared_groups()
    if shared:
        return f"{names} (trained on too: {', '.join(shared[:50])})"
    return f"{names} (never trained on)" if result.test_groups else names


def _metrics(result: RunResult) -> list[tuple[str, str]]:
    """Metrics, the primary one first."""
    base, tuned = result.base or {}, result.tuned or {}
    rows = []
    for name in sorted({**base, **tuned}, key=lambda name: name != result.primary):
        metric = metric_named(name)
        for values, of in ((base, "of the base on the test examples"), (tuned, "after training")):
            shown = metric.shown(values[name]).replace("%", " %") if name in values else "not measured"
            rows.append((f"{metric.title} {of}", shown))
    for form, values in result.forms.items():
        rows += [
            (f"{metric_named(name).title} in the {form} form", metric_named(name).shown(value).replace("%", " %"))
            for name, value in values.items()
        ]
    return rows


def _memory(result: RunResult) -> list[tuple[str, str]]:
    """How the run was made to fit into memory, if it had to be."""
    if not result.step_downs:
        return []
    first, last = result.step_downs[0], result.step_downs[-1]
    unit = result.cost_unit
    rows = []
    if last.micro_batch_cost < first.micro_batch_cost_before:
        told = f"at most {last.micro_batch_cost:g} {unit}, because {first.micro_batch_cost_before:g} did not fit into memory"
        rows.append(("micro-batches", told))
    if last.micro_batch_cost == last.micro_batch_cost_before:
        rows.append(("gradient checkpointing", "switched on, because memory ran out"))
    return rows


def _precision(config: TrainingConfig) -> str:
    four_bit = config.method.four_bit
    if four_bit is None:
        return "in full precision"
    return f"in 4 bits ({four_bit.kind}) under the adapter; measured alone in full precision, as published"
