"""The result of a run as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table

from services.cli.output import cell
from services.cli.progress import duration, size

_WHOLE: Final = frozenset({"full", "pretrain"})
"""Methods that train every weight."""
_CONTEXTS: Final = {"short": "short: the frames that are there", "full": "full: the model's whole window"}


def result_table(result: Mapping[str, Any], *, where: str, extra: Mapping[str, str] | None = None) -> Table:
    """A table of a run's `result.json`, followed by `extra` rows and by `where` the run's output is."""
    rows: dict[str, str] = {}
    made = "Model" if result["method"] in _WHOLE else "Adapter"
    if result.get("train_utterances"):
        rows["Trained on"] = f"{result['train_utterances']:,} utterances, {duration(result['train_audio_s'])}"
    speakers = ", ".join(result.get("test_speakers") or [])
    if result.get("test_utterances"):
        rows["Tested on"] = f"{result['test_utterances']} utterances" + (f" of {speakers}" if speakers else "")
    rate = result.get("primary", "wer")  # results of earlier versions have the word error rate only
    for who, label in (
        ("base", "of the base model"),
        ("adapter", "with the adapter" if made == "Adapter" else "after training"),
    ):
        if result.get(f"{who}_{rate}") is not None:
            rows[f"{rate.upper()} {label}"] = f"{result[f'{who}_{rate}']:.1%}"
    if result.get("context"):
        rows["Audio context"] = _CONTEXTS[result["context"]]
        if result.get("base_context", result["context"]) not in {result["context"], None}:
            rows["Audio context of the base"] = f"{_CONTEXTS[result['base_context']]}, as its publisher trained it"
    if result.get("language"):
        rows["Language"] = result["language"]
    if result.get("left_out_utterances"):
        rows["Left out"] = f"{result['left_out_utterances']:,} that the model cannot take, named in the log"
    if result.get("references_cut"):
        rows["Longer than max_new_tokens"] = f"{result['references_cut']:,} reference texts"
    trainable, total = int(result["trainable_parameters"]), int(result["total_parameters"])
    rows["Trainable parameters"] = f"{trainable:,} of {total:,} ({trainable / total:.1%})"
    rows[made] = size(result["adapter_bytes"])
    rows["Peak memory of training"] = size(result["peak_bytes"])
    rows["Wall time"] = duration(result["wall_s"])
    rows["Throughput"] = f"{result['audio_s_per_s']:.0f} audio-seconds per second"
    rows.update(extra or {})
    rows["Path"] = where
    table = Table(show_header=False, title=cell(f"{result['model']}, {result['method']}, {result['steps']} steps"))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in rows.items():
        table.add_row(label, cell(value))
    return table
