"""Gates of an adapter's ranks: the formula, the baselines, dropout and the penalty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from engine.audio.features import RATE_HZ
from engine.config.training import TrainingConfig
from engine.data.example import Utterance, make_utterance
from engine.errors import ConfigError, ModelError
from engine.families.binding import Bound, bind
from engine.families.contract import FollowsFrames, HearsFrames
from engine.methods.build import build_method
from engine.methods.contract import ScalesRates
from engine.temporal.attaching import Gated, lora_layers
from engine.temporal.features import SPOKEN
from engine.temporal.frames import FrameBatch, FrameSample, Signals
from engine.temporal.gates import GatedLayer, Gates
from tests.contract.pairs import PAIRS
from tests.unit.engine.families.ctc import models as tiny_ctc
from tests.unit.engine.temporal.sounds import HOP, noise, silence, spoken

GATES = ("learned", "constant", "utterance_mean", "shuffled", "speech", "masked_input", "embedding")
SEEDS = [(0, 0, 0, index) for index in range(2)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Utterance]]:
    """Speech between silence and noise, and shorter speech."""
    folder = tmp_path_factory.mktemp("mixes")
    waves = {
        "long": np.concatenate([silence(0.6), spoken("amara", slice(0, 2)), noise(0.7, 0.02)]),
        "short": np.concatenate([noise(0.4, 0.02, 1), spoken("bruno", slice(0, 1))]),
    }
    examples = []
    for name, wave_T in waves.items():
        soundfile.write(folder / f"{name}.wav", wave_T, RATE_HZ, subtype="PCM_16")
        seconds = len(wave_T) / RATE_HZ
        examples.append(
            make_utterance(
                id=name, audio=f"{name}.wav", start_s=0.0, duration_s=seconds, text="ab", speaker=name, split=None
            )
        )
    return folder, examples


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ctc")
    tiny_ctc.write_model(folder, "wav2vec2", head=True)
    return folder


def _bound(model: Path, **method: Any) -> Bound:
    fields = {
        "method": {"type": "temporal", "rank": 4, "four_bit_base": False, **method},
        "precision": "float32",
        "task": {"max_new_tokens": 5},
    }
    torch.manual_seed(0)
    return bind(str(model), TrainingConfig.model_validate(fields))


def _attached(bound: Bound, stir: float = 0.3) -> Gated:
    """An adapter whose weights and gates are no longer what they began as."""
    gated: Any = build_method(bound.config.method).attach(bound.base, bound.reference)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in sorted(gated.named_parameters()):
            if "lora_B" in name or name.startswith("gates."):
                parameter.copy_(stir * torch.randn(parameter.shape, generator=generator))
    assert isinstance(gated, Gated)
    return gated.eval()


def _frames(bound: Bound, data: tuple[Path, list[Utterance]], seeds: Any = None) -> FrameBatch:
    learner = bound.learner
    assert isinstance(learner, HearsFrames)
    [frames] = learner.frames_of(learner.collate(data[1], data[0], seeds))
    return frames


def _of_frames(gated: Gated, frames: FrameBatch) -> torch.Tensor:
    with torch.no_grad():
        return gated.gates.followed("frame", frames)


# ---- the formula


def test_a_layer_computes_wx_plus_s_b_g_a_x(tiny_whisper: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(tiny_whisper, alpha=6.0)
    gated = _attached(bound)
    name = "model.encoder.layers.1.fc1"
    layer = lora_layers(gated.adapted)[name]
    seen: dict[str, torch.Tensor] = {}

    def keep(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        seen["x"], seen["y"] = inputs[0].detach(), output.detach()

    layer.register_forward_hook(keep)
    batch = bound.learner.collate(data[1], data[0], None)
    bound.learner.loss(batch)
    bank = gated.gates.bank("frame")
    place = gated.gates.places[name][1]
    with torch.no_grad():
        gate_BSr = 2 * torch.sigmoid(batch.frames.phi_BSF @ bank.weight_RF[place].T + bank.bias_R[place])
        update = (gate_BSr * (seen["x"] @ layer.lora_A["default"].weight.T)) @ layer.lora_B["default"].weight.T
        wanted = layer.base_layer(seen["x"]) + 6.0 / 4 * update
    torch.testing.assert_close(seen["y"], wanted)
    assert float(gate_BSr.std()) > 0.01


def test_which_layers_have_gates(tiny_whisper: Path, ctc: Path) -> None:
    gates = _attached(_bound(tiny_whisper)).gates
    kinds = {name: kind for name, (kind, _) in gates.places.items()}
    assert kinds["model.encoder.layers.0.self_attn.q_proj"] == kinds["model.encoder.layers.1.fc2"] == "frame"
    assert kinds["model.decoder.layers.0.encoder_attn.k_proj"] == "frame"
    assert kinds["model.decoder.layers.1.self_attn.out_proj"] == "utterance"
    assert not any("encoder_attn.q_proj" in name or "encoder_attn.out_proj" in name for name in kinds)
    assert not any("decoder" in name and ".fc" in name for name in kinds)
    assert {kind for kind, _ in _attached(_bound(ctc)).gates.places.values()} == {"frame"}


def test_the_decoder_has_gates_only_if_asked(tiny_whisper: Path) -> None:
    with_gates, without = (_attached(_bound(tiny_whisper, decoder_gate=asked)).gates for asked in (True, False))
    assert (with_gates.kinds, without.kinds) == (["frame", "utterance"], ["frame"])


def test_the_decoder_follows_the_share_of_speech(tiny_whisper: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(tiny_whisper)
    gated = _attached(bound)
    frames = _frames(bound, data)
    for row in range(2):
        own = frames.speech_BS[row, : int(frames.frames_B[row])]
        assert float(frames.share_B1[row, 0]) == pytest.approx(float(own.mean()), abs=1e-6)
    bank = gated.gates.bank("utterance")
    wanted = 2 * torch.sigmoid(frames.share_B1 @ bank.weight_RF.T + bank.bias_R)
    torch.testing.assert_close(gated.gates.followed("utterance", frames)[:, 0], wanted)


def test_features_may_be_left_out(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    everything = _bound(ctc)
    one = _bound(ctc, features=["snr"])
    _attached(everything)
    assert _attached(one).gates.bank("frame").weight_RF.shape[1] == 1
    assert torch.equal(_frames(one, data).phi_BSF[..., 0], _frames(everything, data).phi_BSF[..., 2])


# ---- batches


def test_features_are_padded_and_those_of_a_recording_do_not_depend_on_its_neighbours(
    ctc: Path, tiny_whisper: Path, data: tuple[Path, list[Utterance]]
) -> None:
    for model in (ctc, tiny_whisper):
        bound = _bound(model)
        _attached(bound)
        both = _frames(bound, data)
        alone = _frames(bound, (data[0], data[1][1:]))
        count = int(both.frames_B[1])
        assert count == int(alone.frames_B[0]) < both.phi_BSF.shape[1]
        assert torch.equal(both.phi_BSF[1, :count], alone.phi_BSF[0, :count])
        assert not both.phi_BSF[1, count:].any() and not both.speech_BS[1, count:].any()


def test_predictions_do_not_depend_on_neighbours(
    tiny_whisper: Path, ctc: Path, data: tuple[Path, list[Utterance]]
) -> None:
    folder, examples = data
    for model in (tiny_whisper, ctc):
        bound = _bound(model)
        _attached(bound)
        together = bound.learner.predict(examples, folder)
        assert together == [bound.learner.predict([example], folder)[0] for example in examples]


def test_transcripts_that_are_retried_have_the_gates_of_their_own_audio(
    tiny_whisper: Path, data: tuple[Path, list[Utterance]]
) -> None:
    folder, examples = data
    bound = _bound(tiny_whisper)
    task = bound.config.task.model_copy(update={"fallback": True})
    learner = bound.with_config(TrainingConfig(task=task, method=bound.config.method, context={"type": "full"})).learner  # type: ignore[arg-type]
    _attached(bound)
    together = learner.predict(examples, folder)
    assert together[0] == learner.predict(examples[:1], folder)[0]
    assert len(together) == 2


def test_several_hypotheses_share_the_gates_of_their_recording(
    tiny_whisper: Path, data: tuple[Path, list[Utterance]]
) -> None:
    bound = _bound(tiny_whisper)
    gated = _attached(bound)
    frames = _frames(bound, data)
    base: Any = bound.base
    base.timeline.begin(frames)
    name = "model.decoder.layers.0.encoder_attn.v_proj"
    ranks = lora_layers(gated.adapted)[name].lora_A["default"]
    states_BSD = torch.randn(2, frames.phi_BSF.shape[1], ranks.in_features)
    with torch.no_grad():
        once, twice = ranks(states_BSD), ranks(states_BSD.repeat_interleave(3, dim=0))
    assert torch.equal(twice, once.repeat_interleave(3, dim=0))
    with pytest.raises(ModelError, match=r"computes \(1, 7\) recordings and frames; the features of the batch are of"):
        ranks(torch.randn(1, 7, ranks.in_features))


def test_gates_without_features_are_an_error(tiny_whisper: Path) -> None:
    bound = _bound(tiny_whisper)
    _attached(bound)
    base: Any = bound.base
    with pytest.raises(ModelError, match=r"the gates of model\.encoder\.layers\.0\.self_attn\.\w+ need the features"):
        base.encode(torch.randn(1, 80, 100))


def test_the_base_alone_needs_no_features(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    folder, examples = data
    plain = _bound(ctc)
    wanted = plain.learner.logs(plain.learner.collate(examples, folder, None))  # type: ignore[attr-defined]
    bound = _bound(ctc, gate="embedding")
    gated = _attached(bound)
    with gated.disable_adapter():
        batch = bound.learner.collate(examples, folder, None)
        found = bound.learner.logs(batch)  # type: ignore[attr-defined]
    assert batch.frames is None
    assert torch.equal(found, wanted)


# ---- the baselines


@pytest.mark.parametrize("gate", GATES)
def test_baselines_have_as_many_parameters(gate: str, tiny_whisper: Path) -> None:
    counts = []
    for kind in ("learned", gate):
        gates = _attached(_bound(tiny_whisper, gate=kind)).gates
        counts.append(sum(parameter.numel() for parameter in gates.parameters()))
    width = 64 + 3
    assert abs(counts[0] - counts[1]) <= (width / 2 if gate == "embedding" else 0)


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_is_trained(gate: str, ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(ctc, gate=gate, gate_penalty=0.0)
    gated = _attached(bound)
    bound.learner.loss(bound.learner.collate(data[1], data[0], None))[0].backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in gated.gates.parameters() if p.grad is not None)
    assert all(p.grad is not None for p in gated.gates.parameters())


def test_learned_gates_follow_each_frame(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(ctc)
    gates_BSR = _of_frames(_attached(bound), _frames(bound, data))
    assert float(gates_BSR[0].std(dim=0).min()) > 1e-3
    assert float(gates_BSR.min()) > 0.0 and float(gates_BSR.max()) < 2.0


def test_constant_gates_follow_nothing(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(ctc, gate="constant")
    gates_BSR = _of_frames(_attached(bound), _frames(bound, data))
    assert torch.equal(gates_BSR, gates_BSR[:1, :1].expand_as(gates_BSR))
    assert float(gates_BSR[0, 0].std()) > 1e-3  # ranks differ


def test_gates_of_the_utterance_mean_are_the_same_in_all_of_its_frames(
    ctc: Path, data: tuple[Path, list[Utterance]]
) -> None:
    learned, bound = _bound(ctc), _bound(ctc, gate="utterance_mean")
    _attached(learned)
    gated = _attached(bound)
    frames, plain = _frames(bound, data), _frames(learned, data)
    gates_BSR = _of_frames(gated, frames)
    assert torch.equal(gates_BSR, gates_BSR[:, :1].expand_as(gates_BSR))
    assert not torch.allclose(gates_BSR[0, 0], gates_BSR[1, 0])
    count = int(plain.frames_B[0])
    torch.testing.assert_close(frames.phi_BSF[0, 0], plain.phi_BSF[0, :count].mean(dim=0), atol=0.02, rtol=0.0)


def test_shuffled_gates_follow_other_frames_of_the_utterance(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    learned, bound = _bound(ctc), _bound(ctc, gate="shuffled")
    _attached(learned)
    _attached(bound)
    shuffled, plain = _frames(bound, data), _frames(learned, data)
    count = int(plain.frames_B[0])
    assert not torch.equal(shuffled.phi_BSF[0, :count], plain.phi_BSF[0, :count])
    # A frame that the model has no room for may be among those that are in its place.
    theirs = {tuple(row) for row in plain.phi_BSF[0, :count].tolist()}
    assert sum(tuple(row) in theirs for row in shuffled.phi_BSF[0, :count].tolist()) >= count - 2
    assert torch.equal(shuffled.phi_BSF, _frames(bound, data).phi_BSF)
    assert torch.equal(shuffled.speech_BS, plain.speech_BS)  # the penalty is that of the method


def test_a_gate_of_speech_is_its_probability(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(ctc, gate="speech")
    gated = _attached(bound, stir=0.0)
    frames = _frames(bound, data)
    gates_BSR = _of_frames(gated, frames)
    assert torch.equal(gates_BSR, frames.speech_BS[..., None].expand_as(gates_BSR))


def test_a_masked_input_has_no_sound_without_speech(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    plain, bound = _bound(ctc, gate="constant"), _bound(ctc, gate="masked_input")
    _attached(plain)
    _attached(bound)
    base: Any = bound.base
    wave_T = np.concatenate([noise(0.6, 0.02), spoken("amara", slice(0, 2))])
    [heard] = base.timeline.hear([wave_T]).waves
    speech_S = base.timeline.hear([wave_T]).rows[0].speech_S
    is_speech_T = np.repeat(speech_S >= SPOKEN, base.timeline.hop_samples)[: len(wave_T)]
    assert 0.2 < is_speech_T.mean() < 0.9
    assert np.array_equal(heard, np.where(is_speech_T, wave_T, 0))
    batches = [each.learner.collate(data[1], data[0], None) for each in (plain, bound)]
    assert not torch.equal(batches[0].wave_BT, batches[1].wave_BT)
    texts = [each.learner.logs(batch) for each, batch in zip((plain, bound), batches, strict=True)]  # type: ignore[attr-defined]
    assert not torch.allclose(*texts)


def test_an_embedding_is_added_in_front_of_the_first_layer(ctc: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(ctc, gate="embedding")
    gated = _attached(bound)
    layer = bound.base.model.get_submodule("wav2vec2.encoder.layers.0")
    seen: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    batch = bound.learner.collate(data[1], data[0], None)
    with torch.no_grad():
        bound.learner.loss(batch)
        assert gated.gates.embedding is not None and not gated.gates.banks
        gated.gates.embedding.outer.weight.zero_()
        bound.learner.loss(batch)
        gated.gates.embedding.outer.weight.fill_(0.1)
        bound.learner.loss(batch)
        added = gated.gates.embedding(batch.frames.phi_BSF)
    torch.testing.assert_close(seen[2], seen[1] + added)
    assert not torch.allclose(seen[0], seen[1])


# ---- dropout, means, penalty


def test_gates_learn_at_a_rate_of_their_own(tiny_whisper: Path) -> None:
    bound = _bound(tiny_whisper, gate_learning_rate=16.0)
    method = build_method(bound.config.method)
    gated = method.attach(bound.base, bound.reference)
    assert isinstance(method, ScalesRates)
    factors = {name: method.rate_factor(name) for name, p in gated.named_parameters() if p.requires_grad}
    assert {factor for name, factor in factors.items() if "lora_" in name} == {1.0}
    gates = {name: factor for name, factor in factors.items() if "lora_" not in name}
    assert len(gates) == 4 and set(gates.values()) == {16.0}


def _with_sample(gated: Gated, frames: FrameBatch) -> None:
    gated.gates.sample = FrameSample.of([frames], 1000)


def test_a_dropped_gate_is_the_mean_over_speech(tiny_whisper: Path, data: tuple[Path, list[Utterance]]) -> None:
    bound = _bound(tiny_whisper, gate_dropout=0.5)
    gated = _attached(bound)
    _with_sample(gated, _frames(bound, data))
    never = _bound(tiny_whisper, gate_dropout=0.0)
    _attached(never)
    for each, wanted in ((bound, {True, False}), (never, {False})):
        found = {
            drop for index in range(20) for drop in _frames(each, data, [(0, 0, 0, index)] * 2).is_dropped_B.tolist()
        }
        assert found == wanted
    frames = next(
        found
        for index in range(50)
        if (found := _frames(bound, data, [(0, 0, 1, index), (0, 0, 2, index)])).is_dropped_B.tolist() == [True, False]
    )
    with torch.no_grad():
        values = gated.gates(frames).gates
        spoken_BS = frames.own_BS & (frames.speech_BS >= SPOKEN)
        wanted_R = gated.gates.followed("frame", frames)[spoken_BS].mean(dim=0)
        means = gated.gates.means()
    torch.testing.assert_close(means["frame"], wanted_R)
    torch.testing.assert_close(values["frame"][0], wanted_R.expand_as(values["frame"][0]))
    torch.testing.assert_close(values["frame"][1], gated.gates.followed("frame", frames)[1])
    torch.testing.assert_close(values["utterance"][0, 0], means["utterance"])


def test_as_many_are_dropped_as_asked_and_none_without_seeds(ctc: Path) -> None:
    signals = Signals("learned", ("speech",), HOP, dropout=0.3)
    heard = signals.hear([noise(0.1)] * 300, [(0, 0, 0, index) for index in range(300)])
    frames = heard.batch(5, [5] * 300)
    assert frames is not None and 0.2 < float(frames.is_dropped_B.float().mean()) < 0.4
    without = signals.hear([noise(0.1)], None).batch(5, [5])
    assert without is not None and not without.is_dropped_B.any()
    assert ctc.is_dir()


def test_the_penalty_is_the_mean_gate_without_speech(tiny_whisper: Path, data: tuple[Path, list[Utterance]]) -> None:
    folder, examples = data
    found = {}
    for factor in (0.0, 0.5):
        bound = _bound(tiny_whisper, gate_penalty=factor)
        gated = _attached(bound)
        batch = bound.learner.collate(examples, folder, None)
        found[factor] = float(bound.learner.loss(batch)[0].detach())
    gates_BSR = _of_frames(gated, batch.frames)
    wanted = 0.0
    for row, example in enumerate(examples):
        quiet_S = batch.frames.own_BS[row] & (batch.frames.speech_BS[row] < SPOKEN)
        assert 0 < int(quiet_S.sum()) < int(batch.frames.frames_B[row])
        wanted += bound.learner.target_count([example]) * float(gates_BSR[row, quiet_S].mean())
    assert found[0.5] - found[0.0] == pytest.approx(0.5 * wanted, rel=1e-3)


def test_a_weighted_example_has_a_weighted_penalty() -> None:
    gates = Gates([GatedLayer("layer", 2, "frame")], Signals("learned", ("speech",), HOP), 8)
    from engine.temporal.timeline import Timeline

    timeline = Timeline(nn.Module(), hop_samples=HOP, width=8, first_layer="")
    timeline.attach(gates, {"layer": nn.Identity()}, 0.1)
    frames = timeline.hear([noise(0.2), noise(0.2, seed=1)]).batch(10, [10, 10])
    loss = timeline.penalised(torch.tensor(1.0), frames, [3, 4], torch.tensor([1.0, 0.5]))
    assert float(loss.detach()) == pytest.approx(1.0 + 0.1 * (3 + 2))  # all gates are 1


# ---- models and settings that do not go together


@pytest.mark.parametrize(
    "name", ["spectrogram_transformer-audio_classification", "clap-retrieval", "audio_llm-captioning"]
)
def test_models_whose_layers_do_not_follow_the_audio_are_refused(name: str, tmp_path: Path) -> None:
    pair = next(pair for pair in PAIRS if pair.name == name)
    model, examples = pair.write_model(tmp_path / "model"), list(pair.examples(tmp_path))
    fields = {**pair.config, "method": {"type": "temporal"}, "precision": "float32"}
    fields["task"] = {"type": pair.task, **fields.get("task", {})}  # type: ignore[dict-item]
    bound = bind(str(model), TrainingConfig.model_validate(fields), training=examples)
    assert not isinstance(bound.base, FollowsFrames)
    with pytest.raises(
        ConfigError, match=r"frame by frame; .* take qlora or lora, or one of whisper for speech_to_text, "
    ):
        build_method(bound.config.method).attach(bound.base, bound.reference)


def test_adapters_that_follow_nothing_are_refused(tiny_whisper: Path) -> None:
    bound = _bound(tiny_whisper, groups=["text_decoder"], decoder_gate=False)
    with pytest.raises(ConfigError, match="of the layers that get an adapter, none follows the audio"):
        build_method(bound.config.method).attach(bound.base, bound.reference)


def test_the_base_is_in_4_bits_unless_asked(tiny_whisper: Path) -> None:
    for asked in (True, False):
        model = _bound(tiny_whisper, four_bit_base=asked).base.model
        assert ("Linear4bit" in {type(module).__name__ for module in model.modules()}) == asked
