"""Build the method that a config names."""

from __future__ import annotations

from engine.code import import_code
from engine.config.methods.base import MethodFields
from engine.methods.contract import Method


def build_method(config: MethodFields) -> Method:
    """The method that a config names."""
    method: Method = import_code(config.code)(config)
    return method
