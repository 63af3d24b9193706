"""Write the README of an adapter or a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.config.training import LoraFields, QloraConfig, TrainingConfig
from engine.data.splits import Splits
from engine.metrics.registry import metric_named
from engine.run.shown import amount, rate

if TYPE_CHECKING:
    from engine.run.result import Fact
    from engine.stages.finetune import RunResult


def adapter_card(result: RunResult, config: TrainingConfig, splits: Splits) -> str:
    """Markdown with the base, the data, the measurements, and how to load the adapter or model."""
    is_adapter = isinstance(config.method, LoraFields)
    header = ["---", "library_name: " + ("peft" if is_adapter else "transformers")]
    header += [f"base_model: {result.model}", "pipeline_tag: automatic-speech-recognition", "---"]
    rows = [
        ("method", result.method),
        ("optimizer steps", f"{result.steps:,}"),
        ("trainable parameters", f"{result.trainable_parameters:,} of {result.total_parameters:,}"),
        ("trained on", f"{amount(result.train_cost, result.cost_unit)} in {result.train_examples:,} examples"),
        ("training groups", ", ".join(sorted({u.group for u in splits.train if u.group})[:50]) or "not named"),
        ("tested on", f"{result.test_examples:,} examples of {_tested(result, splits)}"),
        *_metrics(result),
        ("the base is", _precision(config)),
        *((name.replace("_", " "), str(value)) for name, value in result.facts.items()),
        *([("left out", f"{result.left_out_count:,} examples")] if result.left_out_count else []),
        ("peak memory", f"{result.peak_bytes / 2**20:,.0f} MiB"),
        ("throughput of training", rate(result.cost_per_s, result.cost_unit)),
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
            *_usage(config, is_adapter, result.facts.get("language")),
            "",
        ]
    )


def _tested(result: RunResult, splits: Splits) -> str:
    names = ", ".join(result.test_groups[:50]) or "groups that are not named"
    shared = splits.shared_speakers()
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
    return rows


def _precision(config: TrainingConfig) -> str:
    method = config.method
    if not isinstance(method, QloraConfig):
        return "in full precision"
    return f"in 4 bits ({method.quantization}) under the adapter; measured alone in full precision, as published"


def _usage(config: TrainingConfig, is_adapter: bool, language: Fact | None) -> list[str]:
    spoken = f', language="{language}", task="transcribe"' if language else ""
    if not is_adapter:
        return [
            *["```bash", "lim transcribe recording.wav --model DIR", "```", "", "or with plain transformers:", ""],
            *["```python", "from transformers import WhisperForConditionalGeneration, WhisperProcessor", ""],
            *["model = WhisperForConditionalGeneration.from_pretrained(DIR)"],
            *_transcription("DIR", spoken),
        ]
    lines = ["```bash", "lim transcribe recording.wav --adapter DIR", "```", "", "or with plain transformers and peft:"]
    lines += ["", "```python", "from peft import PeftModel"]
    lines += ["from transformers import BitsAndBytesConfig, WhisperForConditionalGeneration, WhisperProcessor", ""]
    quantized = ""
    if isinstance(config.method, QloraConfig):
        lines += [
            "# The same 4-bit base as in training: on a base in full precision transcripts can differ a little.",
            "four_bit = BitsAndBytesConfig(",
            f'    load_in_4bit=True, bnb_4bit_quant_type="{config.method.quantization}",',
            f"    bnb_4bit_use_double_quant={config.method.double_quantization}, llm_int8_skip_modules=['proj_out'],",
            ")",
        ]
        quantized = ", quantization_config=four_bit"
    lines += [
        f"base = WhisperForConditionalGeneration.from_pretrained(BASE{quantized})",
        "model = PeftModel.from_pretrained(base, DIR)",
    ]
    return lines + _transcription("BASE", spoken)


def _transcription(source: str, spoken: str) -> list[str]:
    return [
        f"processor = WhisperProcessor.from_pretrained({source})",
        'features = processor(wave_at_16_khz, sampling_rate=16000, return_tensors="pt").input_features',
        f"ids = model.generate(features{spoken})",
        "print(processor.batch_decode(ids, skip_special_tokens=True))",
        "```",
    ]
