"""The width of a model's hidden states, from its config alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from transformers import PreTrainedConfig

from engine.errors import ModelError
from engine.models.reference import NEWEST, ModelReference

_KEYS: Final = ("d_model", "hidden_size")


def read_width(model: ModelReference) -> int:
    """Width of a base model's hidden states; of a model with several parts, that of the widest; 0 if it names none.

    Raises:
        ModelError: the model has no config.
    """
    try:
        config, _ = PreTrainedConfig.get_config_dict(model.location(), revision=model.revision or NEWEST)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot load {model.name!r}: {error}. Give a folder with config.json and model.safetensors, or a hub id that "
            "can be reached"
        ) from error
    return max(_widths(config), default=0)


def _widths(config: Mapping[str, Any]) -> list[int]:
    own = [int(config[key]) for key in _KEYS if isinstance(config.get(key), int)]
    parts = [value for value in config.values() if isinstance(value, Mapping)]
    return own + [width for part in parts for width in _widths(part)]
