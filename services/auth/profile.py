"""Changes that users make to their own account: name, address, password."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.auth import throttle
from services.auth.accounts import refuse_taken
from services.auth.audit import Origin, record
from services.auth.passwords import hash_password, verify_password
from services.auth.rules import email_faults, password_faults, username_faults
from services.auth.sessions import end_logins
from services.auth.tokens import hash_token
from services.database.models import User
from services.errors import ForbiddenError, InvalidRequestError, UnauthenticatedError
from services.settings import Settings


async def change_profile(
    session: AsyncSession,
    settings: Settings,
    user: User,
    origin: Origin,
    *,
    username: str | None,
    email: str | None,
    current_password: str | None,
) -> None:
    """Change the name or the address; committed. A new address requires the password: it serves to recover the account.

    Raises:
        InvalidRequestError: a value breaks a rule, or the password is missing or wrong; lists every fault.
        ConflictError: the name or the address is taken.
        ThrottledError: too many wrong passwords.
    """
    faults = username_faults(username) if username is not None else []
    faults += email_faults(email) if email is not None else []
    moves = email is not None and email != user.email
    if moves and current_password is None:
        faults.append(Fault("current_password", "is needed to change the e-mail address"))
    if faults:
        raise InvalidRequestError.of(faults)
    if moves:
        await check_password(session, settings, user, origin, current_password or "")
    changed = [
        name for name, value in (("username", username), ("email", email)) if value not in (None, getattr(user, name))
    ]
    if not changed:
        return
    # Lock the row first: the audit event's foreign key takes a shared lock on it, so that two concurrent requests would
    # each keep the other from changing its key columns (deadlock).
    await session.refresh(user, with_for_update=True)
    await refuse_taken(session, username, email, but=user.id)
    try:
        async with session.begin_nested():
            if username is not None:
                user.username, user.username_key = username, username.lower()
            if email is not None:
                user.email, user.email_key = email, email.lower()
            record(session, user.id, "profile_changed", origin, fields=changed)
    except IntegrityError:  # lost a race with another request
        await session.refresh(user)
        await refuse_taken(session, username, email, but=user.id)
        raise
    await session.commit()


async def change_password(
    session: AsyncSession,
    settings: Settings,
    user: User,
    login_id: uuid.UUID,
    origin: Origin,
    *,
    current_password: str,
    new_password: str,
) -> None:
    """Change the password and end every other login; committed. API keys stay: they do not depend on the password.

    Raises:
        InvalidRequestError: the current password is wrong, or the new one breaks a rule.
        ThrottledError: too many wrong passwords.
    """
    faults = [
        Fault("new_password", fault.message) for fault in password_faults(new_password, user.username, user.email)
    ]
    if new_password == current_password:
        faults.append(Fault("new_password", "is the current one; choose another"))
    if faults:
        raise InvalidRequestError.of(faults)
    await check_password(session, settings, user, origin, current_password)
    user.password_hash = await hash_password(new_password)
    await end_logins(session, user.id, "password changed", but=login_id)
    record(session, user.id, "password_changed", origin)
    await session.commit()


async def set_password_anew(session: AsyncSession, origin: Origin, reset_token: str, new_password: str) -> None:
    """Set a new password with a single-use reset token; ends every login. Committed.

    Raises:
        UnauthenticatedError: the token is unknown, used or expired.
        ForbiddenError: the account is disabled.
        InvalidRequestError: the password breaks a rule; the token stays valid.
    """
    user = await session.scalar(select(User).where(User.reset_hash == hash_token(reset_token)).with_for_update())
    if user is None or user.reset_expires_at is None or user.reset_expires_at <= datetime.now(UTC):
        raise UnauthenticatedError(
            "The reset token is not valid: unknown, used or expired; ask the operator for another.",
            code="reset_token_invalid",
        )
    if user.disabled_at is not None:
        raise ForbiddenError("This account is disabled; ask the operator of the platform.", code="account_disabled")
    faults = password_faults(new_password, user.username, user.email)
    if faults:
        raise InvalidRequestError.of(Fault("new_password", fault.message) for fault in faults)
    user.password_hash = await hash_password(new_password)
    user.reset_hash = user.reset_expires_at = None
    await end_logins(session, user.id, "password reset")
    record(session, user.id, "password_set_anew", origin)
    await session.commit()


async def check_password(session: AsyncSession, settings: Settings, user: User, origin: Origin, password: str) -> None:
    """Check the user's password. Wrong guesses count as failed logins: a stolen access token does not help to guess it.

    Raises:
        InvalidRequestError: the password is wrong; committed to the audit trail.
        ThrottledError: too many wrong passwords.
    """
    attempt = await throttle.count_attempt(session, settings, user.id, user.username_key, origin.address)
    if not await verify_password(password, user.password_hash):
        record(session, user.id, "password_refused", origin)
        await session.commit()
        raise InvalidRequestError.of([Fault("current_password", "is wrong")], code="wrong_password")
    await throttle.forgive(session, attempt)
