"""Saved gates: beside an adapter that plain peft loads, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration

from engine.adapters import loading
from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.binding import Bound, bind
from engine.methods.build import build_method
from engine.temporal.attaching import Gated
from engine.temporal.files import has_gates, state_folder
from engine.temporal.frames import FrameSample
from tests.unit.engine.temporal.sounds import noise, silence, spoken

WAVES = [spoken("amara", slice(0, 2)), noise(1.0, 0.05), silence(0.5)]


def _bound(model: Path, **method: Any) -> Bound:
    fields = {"method": {"type": "temporal", "rank": 4, "four_bit_base": False, **method}, "precision": "float32"}
    torch.manual_seed(0)
    return bind(str(model), TrainingConfig.model_validate(fields))


def _logits(bound: Bound) -> torch.Tensor:
    base: Any = bound.base
    heard = base.timeline.hear(WAVES)
    from engine.audio.features import stack_padded

    mel_BMF = base.features(stack_padded(heard.waves, 48_000))
    base.timeline.begin(heard.batch(150, [150] * 3))
    with torch.no_grad():
        found: torch.Tensor = base.logits(base.encode(mel_BMF), torch.tensor([[257, 258, 100]] * 3))
    return found


@pytest.fixture
def trained(tiny_whisper: Path) -> tuple[Bound, Gated]:
    """An adapter whose gates differ between frames, and a sample of these."""
    bound = _bound(tiny_whisper, gate_states=3)
    gated: Any = build_method(bound.config.method).attach(bound.base, bound.reference)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in sorted(gated.named_parameters()):
            if "lora_B" in name or name.startswith("gates."):
                parameter.copy_((0.05 if "lora_B" in name else 1.5) * torch.randn(parameter.shape, generator=generator))
    base: Any = bound.base
    frames = base.timeline.hear(WAVES).batch(150, [150] * 3)
    gated.gates.sample = FrameSample.of([frames], 120)
    return bound, gated.eval()


def _save(trained: tuple[Bound, Gated], folder: Path) -> Path:
    bound, gated = trained
    build_method(bound.config.method).save(gated, bound.base, bound.learner, folder)
    return folder


def test_saved_gates_compute_the_same(trained: tuple[Bound, Gated], tiny_whisper: Path, tmp_path: Path) -> None:
    before = _logits(trained[0])
    _save(trained, tmp_path)
    torch.testing.assert_close(_logits(trained[0]), before, rtol=0.0, atol=0.0)  # saving changes nothing
    again = _bound(tiny_whisper)
    assert loading.load(again.base, tmp_path)
    torch.testing.assert_close(_logits(again), before, rtol=1e-4, atol=1e-4)


def test_plain_peft_loads_the_static_form(trained: tuple[Bound, Gated], tiny_whisper: Path, tmp_path: Path) -> None:
    bound, gated = trained
    [(name, form)] = build_method(bound.config.method).forms(gated).items()  # type: ignore[attr-defined]
    assert name == "static"
    full = _logits(bound)
    with form:
        static = _logits(bound)
    assert float((full - static).abs().max()) > 1e-3
    _save(trained, tmp_path)
    unfolded = _bound(tiny_whisper)
    assert not loading.load(unfolded.base, tmp_path, gates=False)
    torch.testing.assert_close(_logits(unfolded), static, rtol=1e-4, atol=1e-4)

    plain = WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper))
    theirs = peft.PeftModel.from_pretrained(plain, str(tmp_path)).merge_and_unload()
    ours = dict(unfolded.base.model.named_modules())["model.encoder.layers.0.fc1"]
    merged = dict(theirs.named_modules())["model.encoder.layers.0.fc1"].weight
    torch.testing.assert_close(merged, ours.base_layer.weight + ours.get_delta_weight("default"))


def test_the_adapter_of_peft_has_no_tensor_of_the_gates(trained: tuple[Bound, Gated], tmp_path: Path) -> None:
    _save(trained, tmp_path)
    assert all("lora_" in name for name in load_file(tmp_path / "adapter_model.safetensors"))
    assert has_gates(tmp_path)


def test_states_are_plain_adapters_that_share_a(
    trained: tuple[Bound, Gated], tiny_whisper: Path, tmp_path: Path
) -> None:
    _save(trained, tmp_path)
    assert sorted(path.name for path in (tmp_path / "states").iterdir()) == ["0", "1", "2"]
    weights = [load_file(tmp_path / "adapter_model.safetensors")]
    weights += [load_file(state_folder(tmp_path, state) / "adapter_model.safetensors") for state in range(3)]
    for name in weights[0]:
        same = [torch.equal(weights[0][name], other[name]) for other in weights[1:]]
        gated = "lora_B" in name and "encoder.layers" in name and "decoder" not in name
        assert not any(same) if gated else "lora_B" in name or all(same)
    logits = []
    for state in range(3):
        bound = _bound(tiny_whisper)
        assert not loading.load(bound.base, state_folder(tmp_path, state))
        logits.append(_logits(bound))
    assert all(float((logits[0] - other).abs().max()) > 1e-4 for other in logits[1:])


def test_no_states_unless_asked(trained: tuple[Bound, Gated], tiny_whisper: Path, tmp_path: Path) -> None:
    bound, gated = trained
    build_method(_bound(tiny_whisper).config.method).save(gated, bound.base, bound.learner, tmp_path)
    assert not (tmp_path / "states").exists()


def test_damaged_gates_are_named(trained: tuple[Bound, Gated], tiny_whisper: Path, tmp_path: Path) -> None:
    _save(trained, tmp_path)
    settings = (tmp_path / "gates.json").read_text()
    for damaged, message in (
        (settings.replace('"hop_samples": 320', '"hop_samples": 160'), "follow frames that this base does not have"),
        (settings.replace("encoder.layers.1.fc1", "encoder.layers.9.fc1"), "it lacks model.encoder.layers.9.fc1"),
        (settings[:40], "cannot be read"),
        (settings.replace('"snr"', '"speech"', 1).replace(',\n  "speech"\n', "\n", 1), "does not fit gates.json"),
    ):
        assert damaged != settings
        (tmp_path / "gates.json").write_text(damaged)
        with pytest.raises(ModelError, match=message):
            loading.load(_bound(tiny_whisper).base, tmp_path)
    (tmp_path / "gates.json").write_text(settings)
    save_file({"banks.frame.bias_R": torch.zeros(3)}, tmp_path / "gates.safetensors")
    with pytest.raises(ModelError, match="take the whole folder"):
        loading.load(_bound(tiny_whisper).base, tmp_path)
