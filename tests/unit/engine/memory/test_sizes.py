"""Every family's config gives sizes that the memory model can count with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.binding import bind
from engine.memory.peak import peak_memory, trainable_parameters
from engine.memory.shape import Longest
from engine.memory.sizes import sizes_of
from engine.models.catalogue import find_model, load_catalogue
from tests.contract.pairs import PAIRS, Pair


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_family_s_weights_are_counted(pair: Pair, tmp_path: Path) -> None:
    folder = pair.write_model(tmp_path / "model")
    sizes = sizes_of(find_model(str(folder)))
    config = TrainingConfig.model_validate({"task": {"type": pair.task}, "method": {"type": "lora"}, **pair.config})
    examples = list(pair.examples(tmp_path))
    model = bind(str(folder), config, training=examples).base.model
    weights = sum(parameter.numel() for parameter in model.parameters())
    # The encoder of a model with a decoder is a part of what is counted; a head is not counted.
    assert weights <= 1.25 * sizes.parameters
    assert sizes.exact and sizes.file_bytes == sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    assert trainable_parameters(sizes, config) > 0
    assert peak_memory(sizes, config, 4).bytes > 4 * sizes.parameters


@pytest.mark.parametrize(("parameters", "width", "layers"), [(39e6, 384, 4), (250e6, 768, 12), (1.6e9, 1280, 32)])
def test_sizes_of_a_model_that_is_not_here_are_those_of_its_like(parameters: float, width: int, layers: int) -> None:
    card = find_model("whisper-tiny").model_copy(update={"parameters": int(parameters), "source": "somebody/somewhere"})
    sizes = sizes_of(card)
    assert (sizes.values["d_model"], sizes.values["encoder_layers"], sizes.exact) == (width, layers, False)
    assert 0.95 < sizes.parameters / parameters < 1.05


@pytest.mark.parametrize("card", load_catalogue(), ids=lambda card: card.id)
def test_models_of_the_catalogue_have_about_as_many_weights_as_their_cards_say(card: object) -> None:
    known = find_model(card.id)  # type: ignore[attr-defined]
    assert 0.95 < sizes_of(known).parameters / known.parameters < 1.05


def test_the_bundled_model_s_sizes_are_read() -> None:
    sizes = sizes_of(find_model("whisper-pico"))
    assert (sizes.values["d_model"], sizes.exact, sizes.trained_context) == (128, True, "short")
    assert sizes.parameters == find_model("whisper-pico").parameters


@pytest.mark.parametrize("changed", [{"d_model": "wide"}, {"encoder_layers": "many"}, {"num_mel_bins": [80]}])
def test_sizes_that_cannot_be_used_are_told(changed: dict[str, object], tmp_path: Path) -> None:
    folder = PAIRS[0].write_model(tmp_path / "model")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | changed))
    with pytest.raises(ModelError, match=r"config\.json"):
        sizes_of(find_model(str(folder)))


def test_the_text_of_a_second_depends_on_the_tokenizer() -> None:
    """A byte each for whisper-pico; words and their parts for the published models."""
    second = Longest(1.0)
    assert (second.tokens(259), second.tokens(51_865)) == (15.0, 3.75)
    assert Longest(1.0, letters=8).tokens(259) == 8.0
    assert Longest(1.0, text_tokens=3.0).tokens(259) == 3.0
