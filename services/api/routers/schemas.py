"""JSON Schemas for forms and for checking configs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from services.api.dependencies import CurrentUser
from services.api.problems import problems

router = APIRouter(prefix="/schemas", tags=["schemas"])


@router.get("/training", responses=problems(401, 503))
async def training_schema(_: CurrentUser) -> dict[str, Any]:
    """The JSON Schema of a training config, with defaults, limits and descriptions."""
    return TrainingConfig.model_json_schema()


@router.get("/selection", responses=problems(401, 503))
async def selection_schema(_: CurrentUser) -> dict[str, Any]:
    """The JSON Schema of a selection config, with defaults, limits and descriptions."""
    return SelectionConfig.model_json_schema()
