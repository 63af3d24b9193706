"""The catalogue of base models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from engine.models.catalogue import ModelCard, load_catalogue
from services.api.dependencies import CurrentUser
from services.api.paging import Cursor, Limit, Page, Search, page_of_list
from services.api.problems import problems
from services.errors import NotFoundError

router = APIRouter(prefix="/models", tags=["models"])


@router.get("", responses=problems(401, 422, 503))
async def list_models(_: CurrentUser, limit: Limit = 20, cursor: Cursor = None, q: Search = None) -> Page[ModelCard]:
    """The models that jobs can start from, by id."""
    wanted = (q or "").lower()
    cards = [card for card in load_catalogue() if wanted in f"{card.id} {card.title}".lower()]
    return page_of_list(cards, limit=limit, cursor=cursor)


@router.get("/{model_id}", responses=problems(401, 404, 422, 503))
async def read_model(_: CurrentUser, model_id: Annotated[str, Path(max_length=200)]) -> ModelCard:
    """One model."""
    for card in load_catalogue():
        if card.id == model_id:
            return card
    raise NotFoundError("There is no such model; see GET /models.")
