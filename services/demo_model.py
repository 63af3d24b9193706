"""The demo's base model: a catalogue id, or a user's folder or hub id, which is added to the catalogue."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from cluster.storage.run_store import S3RunStore
from engine.memory.sizes import sizes_of
from engine.models.catalogue import find_model, load_catalogue
from services.auth.roles import set_role
from services.client import Client
from services.platform import Platform

_ENDINGS: Final = (".json", ".safetensors", ".txt")
BUNDLED_MODEL: Final = "whisper-pico"


@dataclass(frozen=True, slots=True)
class DemoModel:
    """The model that the demo fine-tunes."""

    id: str
    """Id in the catalogue."""
    source: str
    """The requested id, folder or hub id."""
    folder: Path | None
    """Local folder of its files; None for a model of the catalogue or the hub."""

    @property
    def is_shipped(self) -> bool:
        """Whether the shipped catalogue has it."""
        return any(card.id == self.id for card in load_catalogue())


def demo_model(asked: str) -> DemoModel:
    """Find the requested model.

    Raises:
        ModelError: the model does not exist, or the folder does not hold one of a known family.
    """
    card = find_model(asked)
    shipped = any(each.id == card.id == asked for each in load_catalogue())
    folder = Path(asked) if not shipped and Path(asked).is_dir() else None
    name = asked if shipped else f"demo-{re.sub(r'[^a-z0-9._-]+', '-', Path(asked).resolve().name.lower())}"[:64]
    return DemoModel(name, asked, folder)


def offer(model: DemoModel, platform: Platform, client: Client, username: str) -> None:
    """Add a user's own model, with its files if local, to the catalogue; makes the account an admin for this."""
    if model.is_shipped:
        return
    card, source = find_model(model.source), model.source
    if model.folder is not None:
        source = f"s3://{platform.settings.s3.bucket}/models/{model.id}"
        store = S3RunStore.at(source, platform.settings.s3)
        for path in sorted(model.folder.iterdir()):
            if path.suffix in _ENDINGS and path.is_file():
                store.put(path.name, path)
    sizes = sizes_of(card)
    asyncio.run(set_role(platform.settings.database_url, username, "admin"))
    client.add_model(
        id=model.id,
        family=cast("Any", card.family),  # the client knows the families of its release
        title=model.source[-200:],
        source=source,
        revision=card.revision,
        parameters=sizes.parameters,
        languages=card.languages,
        licence=card.licence,
        description=f"The demo's model, from {model.source[-1000:]}",
    )
