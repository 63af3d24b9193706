"""Our side of the training benchmark: `engine.stages.finetune` called directly."""

from __future__ import annotations

import json
import time

from engine.config.augmentation import AugmentationConfig
from engine.config.base import read_yaml
from engine.config.context import AutoContextConfig, FullContextConfig, ShortContextConfig, resolve_context
from engine.config.methods.lora import QloraConfig
from engine.config.optimizers.adam import AdamWConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import BatchConfig, CheckpointConfig, CosineConfig, SplitConfig, TrainingConfig
from engine.data.batching import BatchOrder, Costs
from engine.data.manifest import read_manifest
from engine.data.padding import padded_s
from engine.data.splits import split_by_group
from engine.memory.sizes import sizes_of
from engine.models.catalogue import PROJECT_ROOT, find_model
from engine.run.events import Event
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
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

_WINDOW_S = 30.0
_CONTEXTS = {"auto": AutoContextConfig, "short": ShortContextConfig, "full": FullContextConfig}
_RECIPES = PROJECT_ROOT / "configs" / "training"


class _Progress:
    """Says which phase the run is in; the clock says the steps."""

    def emit(self, event: Event) -> None:
        if event.kind == "status":
            say("ours", str(event.data["phase"]).replace("_", " "))
        elif "wer" in event.data:
            data = event.data
            say("ours", f"WER of the {data['which']} {data['wer']:.1%}, {data['wall_s']:.0f} s")

    def flush(self) -> None:
        """Nothing is buffered."""


def build_config(settings: SideSettings) -> TrainingConfig:
    """The settings in this project's terms; what is not named here is the project's default.

    Random changes to the audio are those of the shipped recipe for such recordings, where they are asked for.
    """
    recipe = "demo.yaml" if settings.model == "whisper-pico" else "demo-pretrained.yaml"
    changes = read_yaml(_RECIPES / recipe).get("augmentation", {}) if settings.random_changes else {}
    audio_s = settings.batch * _WINDOW_S  # never the limit: the number of utterances is
    return TrainingConfig(
        task=SpeechToTextConfig(language=settings.language),
        method=QloraConfig(
            rank=settings.rank,
            alpha=settings.alpha,
            target_modules=list(TARGETS),
            quantization="nf4",
            double_quantization=True,
        ),
        context=_CONTEXTS[settings.context](),
        split=SplitConfig(validation_fraction=0.0),
        batch=BatchConfig(cost=audio_s, micro_batch_cost=audio_s, max_examples=settings.batch),
        optimizer=AdamWConfig(learning_rate=settings.learning_rate),
        schedule=CosineConfig(warmup_steps=settings.warmup_steps),
        max_steps=settings.steps,
        checkpoint=CheckpointConfig(every_steps=settings.steps),
        augmentation=AugmentationConfig(**changes),
        seed=settings.seed,
    )


def batches(settings: SideSettings, config: TrainingConfig) -> list[list[float]]:
    """Seconds of speech of each utterance of each step: the loop's own order, which is a function of the seed."""
    splits = split_by_group(read_manifest(settings.data / "manifest.jsonl"), [], 0.0, settings.seed)
    context = resolve_context(config.context, sizes_of(find_model(settings.model)).trained_context)
    durations_s = [u.input.duration_s for u in splits.train]
    costs = Costs(durations_s, [padded_s(duration_s, context, _WINDOW_S) for duration_s in durations_s])
    order = BatchOrder(costs, config.batch, seed=settings.seed)
    return [[durations_s[i] for i in order.next().indices] for _ in range(settings.steps)]


def train(settings: SideSettings) -> SideResult:
    """Train and measure."""
    started_s = time.perf_counter()
    config = build_config(settings)
    store = LocalRunStore(settings.work / "run")
    with StepClock("ours", settings.steps) as clock:
        result = finetune(
            model=settings.model,
            data=settings.data,
            config=config,
            store=store,
            events=_Progress(),
            work_dir=settings.work,
            threads=settings.threads,
        )
    assert result.base is not None and result.tuned is not None
    durations_s = batches(settings, config)
    rows = [json.loads(line) for line in store.get_bytes("predictions.jsonl").splitlines()]
    return measured(
        clock,
        [sum(step) for step in durations_s],
        wer=result.tuned["wer"],
        base_wer=result.base["wer"],
        word_errors=errors_by_utterance(*([row[k] for row in rows] for k in ("id", "reference", "hypothesis"))),
        trainable_parameters=result.trainable_parameters,
        utterances=sum(len(step) for step in durations_s),
        started_s=started_s,
    )


if __name__ == "__main__":
    run_side(train)
