"""The peer's side of the training benchmark: Seq2SeqTrainer, peft and bitsandbytes, as their documentation has it.

The recipe is the one known from "Fine-Tune Whisper with Transformers" and from peft's int8/4-bit Whisper example: 30 s
of padding from `WhisperFeatureExtractor`, labels from the processor's tokenizer, the data collator that masks padding
and drops the start token, `prepare_model_for_kbit_training`, LoRA. What was chosen so that it is as quick on a CPU as
it can be is said where it is set.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers.models.whisper.modeling_whisper import shift_tokens_right

from engine.audio.reading import read_audio
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.metrics.text import normalize_basic
from engine.metrics.word_errors import count_errors
from engine.models.catalogue import find_model, reference_to
from engine.models.four_bit import keep_layout
from engine.models.precision import choose_dtype
from engine.models.width import read_width
from tests.benchmarks.training_side import (
    TARGETS,
    SideResult,
    SideSettings,
    StepClock,
    errors_by_utterance,
    measured,
    run_side,
    say,
)

_RATE_HZ = 16_000
_IGNORED = -100


class Row(TypedDict):
    """One utterance as the data collator takes it."""

    input_features: np.ndarray
    labels: list[int]
    audio_s: float


class PaddedFeatures:
    """Log-mel features of whole 30 s windows, extracted once and kept in a file, so that no step pays for them.

    Read with plain reads: mapped pages, as `datasets` would have them, count as the process's memory.
    """

    def __init__(self, path: Path, processor: Any, utterances: Sequence[Utterance], folder: Path) -> None:
        self._path = path
        self._shape: tuple[int, ...] = ()
        with path.open("wb") as file:
            for u in utterances:
                wave_T = read_audio(folder / u.input.audio, _RATE_HZ, u.input.start_s, u.input.duration_s)
                extracted = processor.feature_extractor(wave_T, sampling_rate=_RATE_HZ, return_tensors="np")
                mel_MF = extracted.input_features[0].astype(np.float32)
                self._shape = mel_MF.shape
                mel_MF.tofile(file)

    def __getitem__(self, index: int) -> np.ndarray:
        count = int(np.prod(self._shape))
        values = np.fromfile(self._path, dtype=np.float32, count=count, offset=4 * count * index)
        return values.reshape(self._shape)


class SpeechRows(Dataset[Row]):
    """Utterances with their features and labels."""

    def __init__(self, utterances: Sequence[Utterance], features: PaddedFeatures, processor: Any) -> None:
        self._utterances, self._features = utterances, features
        self._labels = [label_ids(processor, u.target.text) for u in utterances]

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, index: int) -> Row:
        return Row(
            input_features=self._features[index],
            labels=self._labels[index],
            audio_s=self._utterances[index].input.duration_s,
        )


def label_ids(processor: Any, text: str) -> list[int]:
    """Labels as the processor makes them, of the text in the form that the base model writes."""
    if processor.tokenizer.init_kwargs.get("text_normalizer") == "basic":
        text = normalize_basic(text)
    ids: list[int] = processor.tokenizer(text).input_ids
    return ids


def align_prompt(processor: Any, generation_config: Any) -> None:
    """Let labels begin with the tokens that generation begins with.

    The tokenizer puts <|notimestamps|> before a text; a model whose generation config does not name that token never
    saw it, and would generate without it.
    """
    if getattr(generation_config, "no_timestamps_token_id", None) is None:
        processor.tokenizer.set_prefix_tokens(predict_timestamps=True)


@dataclass
class SpeechCollator:
    """The well-known `DataCollatorSpeechSeq2SeqWithPadding`, and notes of how much speech each batch holds.

    One thing more: prompt tokens after the start token, which generation is given and never has to find, are no
    targets. As targets they would cost a base that never learned to write them its first steps.
    """

    processor: Any
    decoder_start_token_id: int
    batches_s: list[list[float]] = field(default_factory=list)
    """Seconds of speech of each utterance of each batch, in the order of training."""

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        self.batches_s.append([row["audio_s"] for row in rows])
        # Every window is whole: stacking is what `feature_extractor.pad` comes to, without its detours.
        features = torch.from_numpy(np.stack([row["input_features"] for row in rows]))
        tokenizer = self.processor.tokenizer
        padded = tokenizer.pad([{"input_ids": row["labels"]} for row in rows], return_tensors="pt")
        labels = padded["input_ids"].masked_fill(padded["attention_mask"].ne(1), _IGNORED)
        # The model puts the start token before the labels itself.
        if bool((labels[:, 0] == self.decoder_start_token_id).all()):
            labels = labels[:, 1:]
        inputs = shift_tokens_right(labels, tokenizer.pad_token_id, self.decoder_start_token_id)
        labels[:, : len(tokenizer.prefix_tokens) - 1] = _IGNORED
        return {"input_features": features, "decoder_input_ids": inputs, "labels": labels}


def train(settings: SideSettings) -> SideResult:
    """Train and measure."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import (
        BitsAndBytesConfig,
        PrinterCallback,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        set_seed,
    )
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    started_s = time.perf_counter()
    set_seed(settings.seed)
    source = find_model(settings.model).location()
    # bfloat16 only where the processor has instructions for it (on an AVX2 processor it is emulated, and a step takes
    # more than ten times as long); the same choice as on our side.
    dtype = choose_dtype("auto", torch.device("cpu"), read_width(reference_to(settings.model)))
    processor = WhisperProcessor.from_pretrained(source)
    say("peer", "loading")
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    model = WhisperForConditionalGeneration.from_pretrained(
        source,
        dtype=torch.float32,
        device_map={"": "cpu"},
        quantization_config=four_bit,
        # The quicker one on a CPU, a blocked kernel that never writes the 1500 x 1500 scores: 5.0 s of processor time
        # for a step of 8, where `eager` takes 10.0 s and 1.8 times the memory.
        attn_implementation="sdpa",
    )
    # Without it the base's evaluation would repack the 4-bit weights on some processors, and training after it would
    # lose gradients; both sides then compute alike.
    keep_layout(model)
    align_prompt(processor, model.generation_config)
    if settings.language is not None:
        processor.tokenizer.set_prefix_tokens(language=settings.language, task="transcribe")
    utterances = read_manifest(settings.data / "manifest.jsonl")
    train_set = [u for u in utterances if u.split == "train"]
    test_set = [u for u in utterances if u.split == "test"]
    say("peer", f"extracting the features of {len(utterances)} windows of 30 s (not on the clock)")
    train_features = PaddedFeatures(settings.work / "train.f32", processor, train_set, settings.data)
    test_features = PaddedFeatures(settings.work / "test.f32", processor, test_set, settings.data)

    # The base as it was published: in 4 bits it is another model.
    published = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32)
    base_wer, _ = word_error_rate("base", published, processor, test_set, test_features, settings)
    del published
    # No gradient checkpointing: it saves memory, and computes the forward pass twice.
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    set_seed(settings.seed)
    lora = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=0.0, target_modules=list(TARGETS), bias="none"
    )
    adapted = get_peft_model(model, lora)
    adapted.config.use_cache = False  # the decoder's cache is of no use in training
    collator = SpeechCollator(processor, model.config.decoder_start_token_id)
    trainer = Seq2SeqTrainer(
        model=adapted,
        args=Seq2SeqTrainingArguments(
            output_dir=str(settings.work / "trainer"),
            use_cpu=True,
            bf16=dtype == torch.bfloat16,
            max_steps=settings.steps,
            per_device_train_batch_size=settings.batch,
            gradient_accumulation_steps=1,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=settings.warmup_steps,
            weight_decay=0.0,
            adam_beta1=0.9,
            adam_beta2=0.98,
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            # Grouping by length saves nothing where every window has 30 s, so batches are drawn at random.
            # Neither evaluations, nor checkpoints, nor reports between steps.
            eval_strategy="no",
            save_strategy="no",
            report_to="none",
            logging_steps=10,
            disable_tqdm=True,
            # The features lie ready, so a batch is a read of 15 MB in the main process: 0.01 s. A worker process would
            # send it through shared memory and take its time on a core from the model.
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
            # peft hides the model's signature from the trainer.
            remove_unused_columns=False,
            label_names=["labels"],
            seed=settings.seed,
        ),
        train_dataset=SpeechRows(train_set, train_features, processor),
        data_collator=collator,
    )
    trainer.remove_callback(PrinterCallback)
    say("peer", "training")
    with StepClock("peer", settings.steps) as clock:
        trainer.train()
    model.config.use_cache = True
    wer, word_errors = word_error_rate("adapter", adapted, processor, test_set, test_features, settings)
    batches_s = collator.batches_s[: settings.steps]  # the data loader reads a batch ahead
    return measured(
        clock,
        [sum(batch) for batch in batches_s],
        wer=wer,
        base_wer=base_wer,
        word_errors=word_errors,
        trainable_parameters=sum(p.numel() for p in adapted.parameters() if p.requires_grad),
        utterances=sum(len(batch) for batch in batches_s),
        started_s=started_s,
    )


def word_error_rate(
    which: str,
    model: Any,
    processor: Any,
    utterances: Sequence[Utterance],
    features: PaddedFeatures,
    settings: SideSettings,
) -> tuple[float, dict[str, tuple[int, int]]]:
    """WER of transformers' own greedy generation over whole windows, and each utterance's wrong words."""
    started_s = time.perf_counter()
    model.eval()
    texts: list[str] = []
    told = {} if settings.language is None else {"language": settings.language, "task": "transcribe"}
    for first in range(0, len(utterances), settings.batch):
        rows = range(first, min(first + settings.batch, len(utterances)))
        mel_BMF = torch.from_numpy(np.stack([features[row] for row in rows]))
        with torch.inference_mode():
            ids = model.generate(input_features=mel_BMF, **told)
        texts += processor.batch_decode(ids, skip_special_tokens=True)
    counts = count_errors(
        [normalize_basic(u.target.text) for u in utterances], [normalize_basic(text) for text in texts]
    )
    say("peer", f"WER of the {which} {counts.wer:.1%}, {time.perf_counter() - started_s:.0f} s")
    return counts.wer, errors_by_utterance([u.id for u in utterances], [u.target.text for u in utterances], texts)


if __name__ == "__main__":
    run_side(train)
