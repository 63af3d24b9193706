"""Load a saved adapter onto its base, with its gates if it has some."""

from __future__ import annotations

from pathlib import Path

from engine.adapters import lora
from engine.families.contract import Base
from engine.temporal import files
from engine.temporal.files import has_gates

__all__ = ["has_gates", "load"]


def load(base: Base, folder: Path, *, gates: bool = True) -> bool:
    """Load an adapter for inference.

    Args:
        base: that it was trained for.
        folder: of the adapter.
        gates: apply the gates beside it; False loads it as plain peft does, with the means of its gates.

    Returns:
        Whether gates were applied.

    Raises:
        ModelError: the folder has no adapter, or adapter, gates and base do not fit together.
    """
    adapted = lora.load(base, folder)
    if not gates or not has_gates(folder):
        return False
    files.load(base, adapted, folder)
    return True
