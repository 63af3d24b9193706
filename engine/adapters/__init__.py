"""Adapters in plain peft format."""

from contextlib import suppress

from engine.compiling import compiling_later

# Before anybody imports peft, which imports it where it is there.
with suppress(ImportError), compiling_later():
    import bitsandbytes  # noqa: F401
