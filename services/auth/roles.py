"""Roles of accounts: changed only by the platform's operator on the command line, never over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.auth.audit import record
from services.database.engine import create_engine, create_sessions, open_session
from services.database.models import User
from services.errors import AccountError


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as the platform's operator sees it."""

    username: str
    email: str
    role: str
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Account:
        """The visible columns of a row."""
        return cls(user.username, user.email, user.role, user.created_at)


async def accounts(database_url: str) -> list[Account]:
    """Every account, oldest first.

    Raises:
        AccountError: the database does not answer.
    """
    engine = create_engine(database_url, pool_size=1)
    try:
        async with open_session(create_sessions(engine)) as session:
            return [Account.of(user) for user in await session.scalars(select(User).order_by(User.created_at, User.id))]
    except (OSError, SQLAlchemyError) as error:
        raise AccountError(f"the database cannot be read: {error}; check DATABASE_URL") from error
    finally:
        await engine.dispose()


async def set_role(database_url: str, name: str, role: str) -> Account:
    """Set the role of an account; recorded in its audit trail.

    Args:
        database_url: address of the platform's database.
        name: username or e-mail address, in any case.
        role: `user` or `admin`.

    Raises:
        AccountError: no account has the name, or the database does not answer.
    """
    column = User.email_key if "@" in name else User.username_key
    engine = create_engine(database_url, pool_size=1)
    try:
        async with open_session(create_sessions(engine)) as session:
            user = await session.scalar(select(User).where(column == name.lower()).with_for_update())
            if user is None:
                raise AccountError(f"no account is named {name!r}; `lim users list` lists all accounts")
            if user.role != role:
                user.role = role
                record(session, user.id, "role_changed", None, role=role)
                await session.commit()
            return Account.of(user)
    except (OSError, SQLAlchemyError) as error:
        raise AccountError(f"the database cannot be used: {error}; check DATABASE_URL") from error
    finally:
        await engine.dispose()
