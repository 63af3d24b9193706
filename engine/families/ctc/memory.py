"""The forward pass of CTC models, for the memory model. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.families.ctc.costs import costing, shortened
from engine.families.ctc.encoder_memory import WaveEncoder, with_defaults
from engine.memory.record import Tensor
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape

_GROUP: Final = "audio_encoder"
_LETTERS: Final = 32

READS_TEXT: Final = False
PUBLISHED: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "wav2vec2": (
        {"model_type": "wav2vec2"},
        {
            "model_type": "wav2vec2",
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
        },
    )
}


def play(tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Speech to text; see `engine.families.memory.MemoryModule`. Ignores the masks of SpecAugment."""
    model = with_defaults(model)
    from_scratch = config.method.from_scratch
    is_new = from_scratch or not any(name.endswith("ForCTC") for name in model.get("architectures") or ())
    *_, states = WaveEncoder(model, trains_convolutions=from_scratch, has_mask_vector=True).encode(tape, batch)
    if model["add_adapter"] and model["model_type"] != "hubert":
        states = _stacked_adapter(tape, states, model, batch.examples)
    hidden = tape.dropout(states, model["final_dropout"])
    vocabulary = int(model["vocab_size"]) if not is_new or batch.classes is None else batch.classes
    logits = tape.linear(hidden, "lm_head", vocabulary, head=is_new, is_default=False, four_bit=False)
    tape.alignment(logits, batch.examples, batch.tokens)


def longest(config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
    """See `engine.families.memory.MemoryModule`; a new head has the letters of English."""
    seconds = costing(config, model, 1.0).padded(data.seconds)
    return BatchShape(1, seconds, round(data.text_bytes), classes=_LETTERS)


def _stacked_adapter(tape: Tape, x: Tensor, model: Mapping[str, Any], examples: int) -> Tensor:
    """Convolutions that give fewer frames than they get."""
    width, prefix = int(model.get("output_hidden_size") or model["hidden_size"]), model["model_type"].replace("-", "_")
    if width != x.width:
        x = tape.linear(x, f"{prefix}.adapter.proj", width, _GROUP, is_default=False, four_bit=False)
        x = tape.norm(x, f"{prefix}.adapter.proj_layer_norm", _GROUP)
    kernel, stride = int(model["adapter_kernel_size"]), int(model["adapter_stride"])
    frames = round(x.rows / examples)
    for index in range(model["num_adapter_layers"]):
        frames = shortened(frames + 2, [(kernel, stride)])
        name = f"{prefix}.adapter.layers.{index}.conv"
        x = tape.gated(tape.convolution(x, name, (2 * width, width, kernel), examples * frames, _GROUP))
    return x
