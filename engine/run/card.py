"""Write the README of an adapter or a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.config.context import ShortContextConfig
from engine.config.training import LoraFields, QloraConfig, TrainingConfig
from engine.data.splits import Splits

if TYPE_CHECKING:
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
        ("training audio", f"{result.train_audio_s:,.0f} s in {result.train_utterances:,} utterances"),
        ("training speakers", ", ".join(sorted({u.speaker for u in splits.train if u.speaker})[:50]) or "not named"),
        ("tested on", f"{result.test_utterances:,} utterances of {_tested(result, splits)}"),
        *_error_rates(result),
        ("the base is", _precision(config)),
        ("audio context", _context(config)),
        *_base_context(result),
        *([("language", result.language)] if result.language else []),
        *([("left out", f"{result.left_out_utterances:,} utterances")] if result.left_out_utterances else []),
        ("peak memory", f"{result.peak_bytes / 2**20:,.0f} MiB"),
        ("seconds of audio trained per second", f"{result.audio_s_per_s:.1f}"),
    ]
    table = ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    title = f"# {'Adapter for' if is_adapter else 'Model from'} {result.model}"
    notes = [f"- {warning}" for warning in result.warnings]
    notes = ["", "## What to know about these figures", "", *notes] if notes else []
    return "\n".join(
        [*header, "", title, "", *table, *notes, "", "## Use", "", *_usage(config, is_adapter, result.language), ""]
    )


def _tested(result: RunResult, splits: Splits) -> str:
    names = ", ".join(result.test_speakers[:50]) or "speakers who are not named"
    shared = splits.shared_speakers()
    if shared:
        return f"{names} (trained on too: {', '.join(shared[:50])})"
    return f"{names} (never trained on)" if result.test_speakers else names


def _error_rates(result: RunResult) -> list[tuple[str, str]]:
    """Error rates, the headline first. If CER is the headline, a sentence counts as one word, so WER says little."""
    of_base = {"wer": result.base_wer, "cer": result.base_cer}
    after = {"wer": result.adapter_wer, "cer": result.adapter_cer}
    rows = []
    for rate in sorted(of_base, key=lambda rate: rate != result.primary):
        rows += [
            (f"{rate.upper()} of the base on the test utterances", _percent(of_base[rate])),
            (f"{rate.upper()} after training", _percent(after[rate])),
        ]
    return rows


def _precision(config: TrainingConfig) -> str:
    method = config.method
    if not isinstance(method, QloraConfig):
        return "in full precision"
    return f"in 4 bits ({method.quantization}) under the adapter; measured alone in full precision, as published"


def _context(config: TrainingConfig) -> str:
    context = config.context
    if isinstance(context, ShortContextConfig):
        return f"short: the recording and at least {context.tail_s:g} s of silence"
    return "full: the model's whole window"


def _base_context(result: RunResult) -> list[tuple[str, str]]:
    if result.base_context in {None, result.context}:
        return []
    return [("audio context of the base", f"{result.base_context}, as its publisher trained it")]


def _usage(config: TrainingConfig, is_adapter: bool, language: str | None) -> list[str]:
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


def _percent(rate: float | None) -> str:
    return "not measured" if rate is None else f"{100 * rate:.1f} %"
