"""Loss and gradients of a step beside those of plain transformers, peft and torch: `python -m tests.reference.arithmetic`.

For one pair of each family, the same batch goes through the product (the learner's `collate` and `loss`, on the model that
the method prepares) and through code that uses nothing of it: the processor and the model of transformers, adapters of
peft, the model's own loss. The weights are those of one random model; the adapters are the same tensors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import peft
import torch
from transformers import (
    AutoFeatureExtractor,
    ClapModel,
    ClapProcessor,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WhisperForAudioClassification,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from engine.audio.reading import read_audio
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.families.binding import bind
from engine.methods.build import build_method
from tests.contract.pairs import PAIRS, Pair

TOLERANCE: Final = 1e-5
"""Largest difference, relative to the largest value of the loss and of each weight's gradient."""
_IGNORED: Final = -100


@dataclass(frozen=True)
class Difference:
    """How far one pair's step is from plain code."""

    pair: str
    examples: int
    targets: int
    loss: float
    plain_loss: float
    loss_difference: float
    """Relative."""
    gradient_difference: float
    """Largest over all trained weights, relative to the weight's largest gradient, or to 1 if that is less."""
    weights: int
    """Number of trained tensors."""


@dataclass(frozen=True)
class Given:
    """What the plain code gets: the base's folder, what was saved beside it, and the recordings."""

    base: Path
    saved: Path
    """Processor of a base with a new head."""
    waves: list[np.ndarray]
    """At the model's rate."""
    examples: Sequence[AnyExample]
    labels: tuple[str, ...]


Plain = Callable[[Given], tuple[Any, Callable[[Any], torch.Tensor]]]
"""A plain model, and the sum of the loss over targets of the batch on that model with adapters."""


def _whisper(given: Given) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    model = WhisperForConditionalGeneration.from_pretrained(given.base)
    processor = WhisperProcessor.from_pretrained(given.base)
    features = processor.feature_extractor(given.waves, sampling_rate=16_000, return_tensors="pt").input_features
    start = [model.config.decoder_start_token_id, processor.tokenizer.convert_tokens_to_ids("<|notimestamps|>")]
    end = int(model.config.eos_token_id)  # type: ignore[arg-type]
    rows = [processor.tokenizer(e.target.text, add_special_tokens=False).input_ids for e in given.examples]
    width = max(map(len, rows)) + len(start)
    ids = torch.full((len(rows), width), end)
    labels = torch.full((len(rows), width), _IGNORED)
    for row, tokens in enumerate(rows):
        ids[row, : len(start) + len(tokens)] = torch.tensor([*start, *tokens])
        labels[row, len(start) - 1 : len(start) + len(tokens)] = torch.tensor([*tokens, end])
    count = int((labels != _IGNORED).sum())
    return model, lambda m: m(input_features=features, decoder_input_ids=ids, labels=labels).loss * count


def _ctc(given: Given) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    processor = Wav2Vec2Processor.from_pretrained(given.saved)
    vocabulary = processor.tokenizer.get_vocab()
    model = Wav2Vec2ForCTC.from_pretrained(
        given.base,
        vocab_size=len(vocabulary),
        pad_token_id=processor.tokenizer.pad_token_id,
        layerdrop=0.0,
        apply_spec_augment=False,
        ctc_loss_reduction="sum",
    )
    inputs = processor(given.waves, sampling_rate=16_000, return_tensors="pt", padding=True)
    rows = [processor.tokenizer(e.target.text.lower()).input_ids for e in given.examples]
    labels = torch.full((len(rows), max(map(len, rows))), _IGNORED)
    for row, ids in enumerate(rows):
        labels[row, : len(ids)] = torch.tensor(ids)
    return model, lambda m: m(**inputs, labels=labels).loss


def _classification(given: Given) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    model = WhisperForAudioClassification.from_pretrained(given.base, num_labels=len(given.labels))
    extractor = AutoFeatureExtractor.from_pretrained(given.base)
    features = extractor(given.waves, sampling_rate=16_000, return_tensors="pt").input_features
    labels = torch.tensor([given.labels.index(e.target.label) for e in given.examples])
    return model, lambda m: m(input_features=features, labels=labels).loss * len(labels)


def _audio_llm(given: Given) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    model = Qwen2AudioForConditionalGeneration.from_pretrained(given.base)
    processor = Qwen2AudioProcessor.from_pretrained(given.base)
    content = [{"type": "audio", "audio_url": "a.wav"}, {"type": "text", "text": "Transcribe the speech."}]
    chat: list[dict[str, Any]] = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    answers = [f"{e.target.text}<|im_end|>" for e in given.examples]
    inputs = processor(
        text=[prompt + answer for answer in answers],
        audio=given.waves,
        sampling_rate=16_000,
        return_tensors="pt",
        padding=True,
        padding_side="right",
    )
    labels = torch.full_like(inputs["input_ids"], _IGNORED)
    for row, answer in enumerate(answers):
        end, learned = int(inputs["attention_mask"][row].sum()), len(processor.tokenizer(answer)["input_ids"])
        labels[row, end - learned : end] = inputs["input_ids"][row, end - learned : end]
    count = int((labels != _IGNORED).sum())
    return model, lambda m: m(**inputs, labels=labels).loss * count


def _clap(given: Given) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    model = ClapModel.from_pretrained(given.base)
    processor = ClapProcessor.from_pretrained(given.base)
    texts = processor.tokenizer([e.target.captions[0] for e in given.examples], return_tensors="pt", padding=True)
    sounds = processor.feature_extractor(given.waves, sampling_rate=48_000, return_tensors="pt")
    inputs = {**texts, "input_features": sounds.input_features}

    def loss_of(m: Any) -> torch.Tensor:
        # Transformers' own loss transposes the recordings' logits, so that both of its parts find recordings by texts.
        output, right = m(**inputs), torch.arange(len(given.examples))
        to_text = torch.nn.functional.cross_entropy(output.logits_per_audio, right, reduction="sum")
        to_audio = torch.nn.functional.cross_entropy(output.logits_per_text, right, reduction="sum")
        return (to_text + to_audio) / 2

    return model, loss_of


PLAIN: Final[Mapping[str, tuple[Plain, Mapping[str, Any]]]] = {
    "whisper-speech_to_text": (_whisper, {"context": {"type": "full"}}),
    "wav2vec2-speech_to_text": (_ctc, {}),
    "whisper-audio_classification": (_classification, {"context": {"type": "full"}}),
    "audio_llm-speech_to_text": (_audio_llm, {}),
    "clap-retrieval": (_clap, {}),
}
"""The plain code of each pair, and fields of the config under which it computes the same."""


def difference(pair: Pair, folder: Path) -> Difference:
    """Compare a pair's step on one batch."""
    plain_of, fields = PLAIN[pair.name]
    base, data = pair.write_model(folder / "base"), pair.write_data(folder / "data")
    config = TrainingConfig.model_validate(
        {
            "task": {"type": pair.task},
            "method": {"type": "lora", "rank": 4, "alpha": 8},
            "precision": "float32",
            **pair.config,
            **fields,
        }
    )
    examples = read_examples(data / "manifest.jsonl")
    batch = _of_different_targets(examples)
    torch.manual_seed(0)
    bound = bind(str(base), config, training=examples)
    ours: Any = build_method(config.method).attach(bound.base, bound.reference)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # so that gradients reach both matrices of an adapter
        for name, parameter in ours.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    saved = folder / "saved"
    bound.base.save_processor(saved)
    loss, count = bound.learner.loss(bound.learner.collate(batch, data))
    loss.backward()

    rate_hz = 48_000 if pair.family == "clap" else 16_000
    waves = [read_audio(data / e.input.audio, rate_hz, e.input.start_s, e.input.duration_s) for e in batch]
    model, loss_of = plain_of(Given(base, saved, waves, batch, bound.space.labels))
    model.eval().requires_grad_(False)
    adapters = peft.LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=bound.base.default_targets(),
        modules_to_save=list(bound.base.heads) or None,
    )
    plain = peft.get_peft_model(model, adapters)
    plain.load_state_dict(ours.state_dict())
    expected = loss_of(plain)
    expected.backward()
    found, wanted = _gradients(ours), _gradients(plain)
    assert found.keys() == wanted.keys(), sorted(found.keys() ^ wanted.keys())
    return Difference(
        pair=pair.name,
        examples=len(batch),
        targets=count,
        loss=float(loss.detach()),
        plain_loss=float(expected.detach()),
        loss_difference=abs(float(loss.detach()) / float(expected.detach()) - 1),
        gradient_difference=max(
            float((found[name] - wanted[name]).abs().max()) / max(1.0, float(wanted[name].abs().max()))
            for name in wanted
        ),
        weights=len(wanted),
    )


def _of_different_targets(examples: Sequence[AnyExample], most: int = 4) -> list[AnyExample]:
    """The shortest example of each of some targets: a longer one than the window would be cropped before it is resampled."""
    first: dict[str, AnyExample] = {}
    for example in sorted(examples, key=lambda example: float(example.input.duration_s)):
        first.setdefault(example.target.key(), example)
    return list(first.values())[:most]


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def main() -> None:
    """Print the table; fail if a difference is larger than the tolerance."""
    parser = argparse.ArgumentParser(
        description="Loss and gradients of a step beside plain transformers, peft and torch.",
        epilog="example: python -m tests.reference.arithmetic --out build/arithmetic.json",
    )
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    found = []
    for pair in PAIRS:
        if pair.name in PLAIN:
            with tempfile.TemporaryDirectory() as folder:
                found.append(difference(pair, Path(folder)))
            last = found[-1]
            print(  # noqa: T201
                f"{last.pair:<32} {last.examples} examples, {last.targets:>3} targets: loss {last.loss:.6f} beside "
                f"{last.plain_loss:.6f} ({last.loss_difference:.1e}), gradients of {last.weights} tensors within "
                f"{last.gradient_difference:.1e}"
            )
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"rows": [asdict(row) for row in found]}, indent=1) + "\n")
    if any(max(row.loss_difference, row.gradient_difference) > TOLERANCE for row in found):
        raise SystemExit(f"a difference is larger than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
