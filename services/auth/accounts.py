"""Sign up and log in."""

from __future__ import annotations

import uuid

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.auth import throttle
from services.auth.audit import Origin, record
from services.auth.passwords import hash_password, needs_rehash, verify_password
from services.auth.rules import account_faults
from services.database.models import User
from services.errors import ConflictError, ForbiddenError, InvalidRequestError, UnauthenticatedError
from services.settings import Settings


async def sign_up(
    session: AsyncSession, user_id: uuid.UUID, username: str, email: str, password: str, origin: Origin | None = None
) -> User:
    """Create an account; added to the session, not committed.

    Raises:
        InvalidRequestError: the username, the address or the password breaks a rule; lists every fault.
        ConflictError: the username or the address is taken.
    """
    faults = account_faults(username, email, password)
    if faults:
        raise InvalidRequestError.of(faults)
    await refuse_taken(session, username, email)
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
    except IntegrityError:  # lost a race with another request
        await refuse_taken(session, username, email)
        raise
    record(session, user.id, "signed_up", origin)
    return user


async def authenticate(
    session: AsyncSession, settings: Settings, username_or_email: str, password: str, origin: Origin
) -> User:
    """Find the user with this name or address and password; commits a failure to the audit trail.

    Raises:
        UnauthenticatedError: wrong name or password; both cases do the same work and give the same message.
        ForbiddenError: the password is right, but the account is disabled.
        ThrottledError: too many failures.
    """
    account = username_or_email.lower()
    column = User.email_key if "@" in account else User.username_key
    user = await session.scalar(select(User).where(column == account))
    attempt = await throttle.count_attempt(session, settings, user.id if user else None, account, origin.address)
    if not await verify_password(password, user.password_hash if user else None) or user is None:
        # The name is not recorded as typed: people type passwords there.
        record(session, user.id if user else None, "login_failed", origin)
        await session.commit()
        raise UnauthenticatedError("The name or the password is wrong.", code="wrong_credentials")
    if user.disabled_at is not None:  # told only to those who know the password
        record(session, user.id, "login_failed", origin, because="disabled")
        await session.commit()
        raise ForbiddenError("This account is disabled; ask the operator of the platform.", code="account_disabled")
    await throttle.forgive(session, attempt)
    record(session, user.id, "logged_in", origin)
    if needs_rehash(user.password_hash):
        user.password_hash = await hash_password(password)
    return user


async def refuse_taken(
    session: AsyncSession, username: str | None, email: str | None, but: uuid.UUID | None = None
) -> None:
    """Reject a name or an address that an account other than `but` has; None is not checked.

    Raises:
        ConflictError: the name or the address is taken; says which.
    """
    name, address = (username or "").lower(), (email or "").lower()
    taken = (
        await session.execute(
            select(User.id, User.username_key, User.email_key).where(
                or_(User.username_key == name, User.email_key == address)
            )
        )
    ).all()
    others = [row for row in taken if row.id != but]
    faults = []
    if username is not None and any(row.username_key == name for row in others):
        faults.append(Fault("username", "is taken; choose another"))
    if email is not None and any(row.email_key == address for row in others):
        faults.append(Fault("email", "has an account already; log in instead"))
    if faults:
        raise ConflictError("There is such an account already; see errors.", code="account_exists", faults=faults)
