"""Calls about the catalogue of base models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.client.answers import Model
from services.client.connection import Connection


class ModelCalls(Connection):
    """The catalogue."""

    def models(self) -> list[Model]:
        """The catalogue of base models, retired ones too."""
        return [self._answer(Model, item) for item in self._items("/models")]

    def add_model(self, card: Mapping[str, Any]) -> Model:
        """Add a model to the catalogue, as an admin; the fields are those of `engine.models.catalogue.ModelCard`."""
        return self._answer(Model, self._call("POST", "/models", body=card, creates=True))

    def change_model(self, model_id: str, **changes: Any) -> Model:
        """Change fields of a model, as an admin; `status="active"` brings a retired one back."""
        return self._answer(Model, self._call("PATCH", f"/models/{quote(model_id, safe='')}", body=changes))

    def retire_model(self, model_id: str) -> None:
        """Keep new jobs from a model, as an admin."""
        self._call("DELETE", f"/models/{quote(model_id, safe='')}")

    def model(self, model_id: str) -> Model:
        """A model of the catalogue."""
        return self._answer(Model, self._call("GET", f"/models/{quote(model_id, safe='')}"))
