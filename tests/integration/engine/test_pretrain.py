"""The recipe of the bundled model, run small: synthesis, stages on top of each other, a model that loads."""

from __future__ import annotations

from pathlib import Path

from engine.config.base import parse, read_yaml
from engine.models.catalogue import PROJECT_ROOT, find_model
from engine.recipes.whisper_pico.pretrain import PretrainRecipe, run_recipe
from tests.whisper import load_whisper

RECIPE = PROJECT_ROOT / "configs" / "pretrain" / "whisper-pico.yaml"


def test_the_shipped_recipe_is_valid_and_its_output_is_the_catalogue_s_model() -> None:
    recipe = parse(PretrainRecipe, read_yaml(RECIPE))
    assert [stage.training.method.type for stage in recipe.stages] == ["pretrain", *["full"] * 6]
    assert (PROJECT_ROOT / recipe.out).resolve() == Path(find_model("whisper-pico").location()).resolve()


def test_the_bundled_model_is_as_its_card_says() -> None:
    card = find_model("whisper-pico")
    weights = Path(card.location()) / "model.safetensors"
    assert weights.stat().st_size <= 12 * 2**20
    speech = load_whisper(card.reference())
    assert sum(parameter.numel() for parameter in speech.model.parameters()) == card.parameters


def test_a_small_recipe_runs_through(tmp_path: Path) -> None:
    values = read_yaml(RECIPE)
    values |= {
        "out": str(tmp_path / "out"),
        "work": str(tmp_path / "work"),
        "corpora": {
            name: corpus | {"train": 8, "validation": min(2, corpus["validation"]), "vocabulary": 50}
            for name, corpus in values["corpora"].items()
        },
    }
    for stage in values["stages"]:
        stage["training"] |= {"max_steps": 2, "evaluation": {"base": False}, "task": {"max_new_tokens": 3}}
        stage["training"]["batch"] |= {"max_examples": 2, "short_first_steps": 0}
    out = run_recipe(parse(PretrainRecipe, values), threads=1)
    assert not (out / "README.md").exists()
    speech = load_whisper(str(out))
    assert speech.model.generation_config.max_length == 128  # plain transformers would cut texts at 20 tokens
    assert speech.model.config.audio_context == "short"
    assert speech.codec.prefix == [257, 258]  # start of transcript, no timestamps: what every runtime sends
