"""The base model is loaded as the config says: its weights, their type, the type of its arithmetic."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config.context import FullContextConfig, ShortContextConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.errors import ModelError
from engine.families.binding import Bound, bind
from engine.families.whisper.learner import WhisperLearner
from engine.models import precision
from tests.tiny import write_tiny_whisper


def _load(model: Path, **fields: Any) -> Bound:
    return bind(str(model), TrainingConfig.model_validate(fields))


def _four_bit(base: Bound) -> list[Any]:
    return [module for module in base.base.model.modules() if type(module).__name__ == "Linear4bit"]


def _layer(base: Bound) -> Any:
    return base.base.model.get_submodule("model.encoder.layers.0.fc1")


def test_only_qlora_keeps_the_base_in_4_bits(tiny_whisper: Path) -> None:
    assert len(_four_bit(_load(tiny_whisper, method={"type": "qlora"}))) == 2 * 6 + 2 * 10
    for kind in ("lora", "full", "pretrain"):
        assert _four_bit(_load(tiny_whisper, method={"type": kind})) == []


def _dequantised(base: Bound) -> torch.Tensor:
    from bitsandbytes.functional import dequantize_4bit

    weight = _layer(base).weight
    values: torch.Tensor = dequantize_4bit(weight.data, weight.quant_state)
    return values


def test_nf4_and_fp4_round_to_levels_of_their_own(tiny_whisper: Path) -> None:
    """A block's largest weight is exact in both; the others lie on 16 levels, which are not the same."""
    true = _layer(_load(tiny_whisper, method={"type": "lora"})).weight.detach()
    rounded = {}
    for kind in ("nf4", "fp4"):
        base = _load(tiny_whisper, method={"type": "qlora", "quantization": kind, "double_quantization": False})
        assert _layer(base).weight.quant_state.quant_type == kind
        rounded[kind] = _dequantised(base)
        block = rounded[kind].flatten()[:64]
        assert len(torch.unique((block / block.abs().max()).round(decimals=4))) <= 16
    errors = {kind: float((values - true).square().mean()) for kind, values in rounded.items()}
    assert 0 < errors["nf4"] < errors["fp4"] < 0.05 * float(true.square().mean())  # the paper's order


def test_double_quantisation_quantises_the_constants_too(tiny_whisper: Path) -> None:
    def constants(double: bool) -> Any:
        return _layer(_load(tiny_whisper, method={"type": "qlora", "double_quantization": double})).weight.quant_state

    assert constants(True).nested
    assert constants(True).absmax.dtype == torch.uint8
    assert not constants(False).nested
    assert constants(False).absmax.dtype == torch.float32


def test_pretraining_takes_the_architecture_and_other_weights(tiny_whisper: Path) -> None:
    weights = {
        kind: _layer(_load(tiny_whisper, method={"type": kind})).weight.detach()
        for kind in ("full", "pretrain", "lora")
    }
    assert torch.equal(weights["full"], weights["lora"])
    assert weights["pretrain"].shape == weights["full"].shape
    assert float((weights["pretrain"] - weights["full"]).abs().mean()) > 0.01


@pytest.mark.parametrize(
    ("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)]
)
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_logits_are_computed_in_the_precision(
    name: str, dtype: torch.dtype, method: str, tiny_whisper: Path, tones: Path
) -> None:
    config = TrainingConfig.model_validate({"precision": name, "method": {"type": method}})
    base = bind(str(tiny_whisper), config)
    task = base.learner
    assert isinstance(task, WhisperLearner)
    batch = task.collate(read_manifest(tones / "manifest.jsonl")[:2], tones)
    assert task.logits(batch).dtype == dtype
    assert task.loss(batch)[0].dtype == torch.float32


def test_auto_takes_bfloat16_where_the_processor_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_tiny_whisper(tmp_path, width=256)
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda has=has: has)
        assert _load(model, precision="auto", method={"type": "lora"}).dtype == dtype
        assert _load(model, precision="float32", method={"type": "lora"}).dtype == torch.float32


def test_the_language_is_that_of_the_prefix(tiny_whisper: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_whisper, tmp_path / "multilingual")
    path = model / "generation_config.json"
    knows = {"is_multilingual": True, "lang_to_id": {"<|en|>": 10, "<|sw|>": 11}, "task_to_id": {"transcribe": 12}}
    path.write_text(json.dumps(json.loads(path.read_text()) | knows))
    for language, token in (("sw", 11), ("en", 10)):
        assert token in _load(model, task={"language": language}).base.codec.prefix
    with pytest.raises(ModelError, match="knows no language 'xx'; it knows en, sw"):
        _load(model, task={"language": "xx"})


def test_the_context_is_by_default_what_the_model_was_trained_in(tiny_whisper: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_whisper, tmp_path / "model")
    path = model / "config.json"
    for trained, resolved in (("short", ShortContextConfig(tail_s=0.1)), (None, FullContextConfig())):
        fields = json.loads(path.read_text()) | {"audio_context": trained}
        path.write_text(
            json.dumps({name: value for name, value in fields.items() if value is not None or name != "audio_context"})
        )
        assert _load(model, context={"type": "auto"}).config.context == resolved


def test_as_published_is_neither_in_4_bits_nor_in_half_precision_nor_in_another_context(tiny_whisper: Path) -> None:
    config = TrainingConfig.model_validate(
        {"method": {"type": "qlora"}, "precision": "bfloat16", "context": {"type": "full"}}
    )
    published = bind(str(tiny_whisper), config, published=True)
    assert _four_bit(published) == []
    assert published.dtype == torch.float32
    assert published.config.context.type == "short"  # as it was trained
    assert bind(str(tiny_whisper), config, full_precision=True).dtype == torch.bfloat16
