"""Sign up and log in."""

from __future__ import annotations

import uuid

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.auth import throttle
from services.auth.passwords import hash_password, needs_rehash, verify_password
from services.auth.rules import account_faults
from services.database.models import User
from services.errors import ConflictError, InvalidRequestError, UnauthenticatedError
from services.settings import Settings


async def sign_up(session: AsyncSession, user_id: uuid.UUID, username: str, email: str, password: str) -> User:
    """A new account, added to the session but not committed.

    Raises:
        InvalidRequestError: a username, address or password against the rules; names every fault.
        ConflictError: the username or the address is taken.
    """
    faults = account_faults(username, email, password)
    if faults:
        raise InvalidRequestError.of(faults)
    await _refuse_taken(session, username, email)
    user = User(
        id=user_id,
        username=username,
        username_key=username.lower(),
        email=email,
        email_key=email.lower(),
        password_hash=await hash_password(password),
    )
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError:  # somebody else was a moment faster
        await _refuse_taken(session, username, email)
        raise
    return user


async def authenticate(
    session: AsyncSession, settings: Settings, username_or_email: str, password: str, address: str
) -> User:
    """The user with this name or address and this password.

    Raises:
        UnauthenticatedError: one message for a wrong name and a wrong password, after the same work.
        ThrottledError: too many failures.
    """
    account = username_or_email.lower()
    await throttle.count_attempt(session, settings, account, address)
    column = User.email_key if "@" in account else User.username_key
    user = await session.scalar(select(User).where(column == account))
    if not await verify_password(password, user.password_hash if user else None) or user is None:
        raise UnauthenticatedError("The name or the password is wrong.", code="wrong_credentials")
    await throttle.forget_attempts(session, account, address)
    if needs_rehash(user.password_hash):
        user.password_hash = await hash_password(password)
    return user


async def _refuse_taken(session: AsyncSession, username: str, email: str) -> None:
    taken = (
        await session.execute(
            select(User.username_key, User.email_key).where(
                or_(User.username_key == username.lower(), User.email_key == email.lower())
            )
        )
    ).all()
    faults = []
    if any(row.username_key == username.lower() for row in taken):
        faults.append(Fault("username", "is taken; choose another"))
    if any(row.email_key == email.lower() for row in taken):
        faults.append(Fault("email", "has an account already; log in instead"))
    if faults:
        raise ConflictError("There is such an account already; see errors.", code="account_exists", faults=faults)
