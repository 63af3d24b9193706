"""The registry of methods. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

METHODS: Final[Mapping[str, str]] = {
    "qlora": "engine.methods.lora:Lora",
    "lora": "engine.methods.lora:Lora",
    "full": "engine.methods.whole:Whole",
    "pretrain": "engine.methods.whole:Whole",
    "linear_probe": "engine.methods.linear_probe:LinearProbe",
    "gradual_unfreezing": "engine.methods.gradual_unfreezing:GradualUnfreezing",
}
"""Module and class by the method's name; imported when it is used."""
