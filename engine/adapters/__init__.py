"""Adapters in plain peft format."""

from contextlib import suppress

from engine.process.compiling import compiling_later

# Must run before peft is imported, which imports bitsandbytes if it is installed.
with suppress(ImportError), compiling_later():
    import bitsandbytes  # noqa: F401
