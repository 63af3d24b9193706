"""Build the method that a config names."""

from __future__ import annotations

import importlib

from engine.config.methods.base import MethodFields
from engine.methods.contract import Method
from engine.methods.registry import METHODS


def build_method(config: MethodFields) -> Method:
    """The method that a config names."""
    module, _, name = METHODS[config.type].partition(":")
    method: Method = getattr(importlib.import_module(module), name)(config)
    return method
