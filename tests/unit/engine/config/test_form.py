"""Every field of the configs that people fill in has a title, a group and a level, and a unit where it has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from engine.config import form
from engine.config.form import SELECTION_GROUPS, TRAINING_GROUPS, form_schema
from engine.config.methods.lora import LoraConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig

FORMS = {
    "training": form_schema(TrainingConfig, TRAINING_GROUPS),
    "selection": form_schema(SelectionConfig, SELECTION_GROUPS),
}
UNIT = re.compile(r"_(s|hz|db|db_per_octave|steps|examples|tokens|nats|bits|bytes)$")


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The fields of a schema with the config that they stand in."""
    for name, config in [("", schema), *schema["$defs"].items()]:
        for field, described in config.get("properties", {}).items():
            yield name or schema["title"], field, described


@pytest.mark.parametrize("name", FORMS)
def test_every_field_can_be_shown(name: str) -> None:
    schema = FORMS[name]
    groups = {group["name"] for group in schema["x-groups"]}
    found = list(fields(schema))
    assert len(found) > 40
    used = set()
    for config, field, told in found:
        where = f"{config}.{field}"
        assert not told["title"][0].islower(), where
        assert "_" not in told["title"], where
        assert told["x-level"] in {"basic", "advanced", "expert"}, where
        assert told["x-group"] in groups, where
        assert told.get("description") or "$ref" in told or field == "type", where
        if UNIT.search(field):
            assert told.get("x-unit"), where
        used.add(told["x-group"])
    assert used == groups
    for config, told in schema["$defs"].items():
        assert not told["title"].endswith("Config"), config


@pytest.mark.parametrize("name", FORMS)
def test_titles_tell_the_fields_of_a_config_apart(name: str) -> None:
    by_config: dict[str, list[str]] = {}
    for config, _, told in fields(FORMS[name]):
        by_config.setdefault(config, []).append(told["title"])
    for config, titles in by_config.items():
        assert len(set(titles)) == len(titles), config


def test_what_a_beginner_needs_is_basic_and_little_else() -> None:
    basic = {f"{config}.{field}" for config, field, told in fields(FORMS["training"]) if told["x-level"] == "basic"}
    assert {"QloraConfig.rank", "AdamWConfig.learning_rate", "Training.epochs", "BatchConfig.cost"} <= basic
    assert {"QloraConfig.alpha", "QloraConfig.dropout", "QloraConfig.target_modules"} <= basic
    assert not [name for name in basic if name.startswith(("Augmentation", "Sketch", "Ctc", "ShortContext"))]
    of_one_run = [n for n in basic if n.startswith(("Training.", "Qlora", "AdamWC", "SpeechToText", "Batch", "Eval"))]
    assert len(of_one_run) <= 20


def test_no_entry_names_what_is_not_there() -> None:
    """The tables hold no field and no config that has been renamed or removed."""
    from engine.config.allocations.sketch import SketchFields
    from engine.config.base import Config

    assert SketchFields

    def below(config: type[BaseModel]) -> Iterator[type[BaseModel]]:
        yield config
        for each in config.__subclasses__():
            yield from below(each)

    known = {config.__name__: config for config in below(Config)}
    assert form.CONFIGS.keys() <= known.keys()
    for entry in form.FIELDS:
        config, _, field = entry.partition(".")
        assert field in known[config].__annotations__ or field in known[config].model_fields, entry


def test_a_config_of_an_extension_is_shown_as_its_base() -> None:
    class MyOwnConfig(LoraConfig):
        """A method of somebody's own."""

        gain_db: float = 0.0
        """Some gain."""

    schema = form_schema(MyOwnConfig)
    assert schema["title"] == "My own"
    assert schema["properties"]["gain_db"] | {"x-level": ""} == {
        "default": 0.0,
        "description": "Some gain.",
        "title": "Gain",
        "type": "number",
        "x-group": "method",
        "x-level": "",
        "x-unit": "dB",
    }
    assert schema["properties"]["rank"]["x-level"] == "basic"


def test_the_schema_itself_is_the_same() -> None:
    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(value) for key, value in node.items() if key != "title" and not key.startswith("x-")}
        return [bare(each) for each in node] if isinstance(node, list) else node

    assert bare(FORMS["training"]) == bare(TrainingConfig.model_json_schema())
