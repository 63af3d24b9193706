"""The caller's own account."""

from __future__ import annotations

from fastapi import APIRouter

from services.api.dependencies import CurrentUser
from services.api.problems import problems
from services.api.routers.auth import UserOut

router = APIRouter(prefix="/users", tags=["users"])


@router.get("/me", responses=problems(401, 503))
async def read_me(user: CurrentUser) -> UserOut:
    """Whose access token this is."""
    return UserOut.of(user)
