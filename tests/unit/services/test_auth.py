from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from services.auth.passwords import hash_password, verify_password
from services.auth.rules import account_faults
from services.auth.tokens import AccessClaims, issue_access_token, read_access_token
from services.errors import UnauthenticatedError
from services.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"LIM_HOME": str(tmp_path), "DATABASE_URL": "postgresql://h/b"})


def test_every_fault_of_an_account_is_reported_at_once() -> None:
    faults = [str(fault) for fault in account_faults("-ä", "nobody", "aaa")]
    assert len([fault for fault in faults if fault.startswith("username")]) == 3
    assert len([fault for fault in faults if fault.startswith("email")]) == 1
    assert len([fault for fault in faults if fault.startswith("password")]) == 2


def test_a_password_must_not_hold_the_name() -> None:
    faults = account_faults("ada", "lovelace@example.com", "I am ADA lovelace")
    assert [fault.message for fault in faults] == [
        "must not contain the username",
        "must not contain the e-mail address",
    ]


def test_a_good_account_has_no_fault() -> None:
    assert account_faults("ada.l-1_x", "ada@lab.internal", "correct horse battery") == []


async def test_a_password_is_known_by_its_argon2id_hash() -> None:
    hashed = await hash_password("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await verify_password("correct horse", hashed)
    assert not await verify_password("wrong horse", hashed)
    assert not await verify_password("the password of nobody", None)


def test_a_token_says_whose_it_is(settings: Settings) -> None:
    claims = AccessClaims(uuid.uuid4(), uuid.uuid4())
    assert read_access_token(settings, issue_access_token(settings, claims)) == claims


def test_an_expired_token_is_told_apart(settings: Settings) -> None:
    expired = issue_access_token(
        settings.model_copy(update={"access_token_s": -1}), AccessClaims(uuid.uuid4(), uuid.uuid4())
    )
    with pytest.raises(UnauthenticatedError) as raised:
        read_access_token(settings, expired)
    assert raised.value.code == "token_expired"


def _payload(**changes: object) -> dict[str, object]:
    now = datetime.now(UTC)
    base: dict[str, object] = {
        "iss": "less-is-more",
        "sub": str(uuid.uuid4()),
        "sid": str(uuid.uuid4()),
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "key", "algorithm"),
    [
        ({}, "another secret that is long enough for it", "HS256"),
        ({}, "", "none"),
        ({"sub": "root"}, None, "HS256"),
        ({"sid": None}, None, "HS256"),
        ({"exp": None}, None, "HS256"),
        ({"iss": "somebody"}, None, "HS256"),
        ({}, None, "HS512"),
    ],
)
def test_forged_tokens_are_refused(
    settings: Settings, changes: dict[str, object], key: str | None, algorithm: str
) -> None:
    secret = settings.secret_key.get_secret_value() if key is None else key
    token = jwt.encode(_payload(**changes), secret, algorithm=algorithm)
    with pytest.raises(UnauthenticatedError, match="not valid"):
        read_access_token(settings, token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "lim_abc", "é"])
def test_what_is_no_token_is_refused(settings: Settings, token: str) -> None:
    with pytest.raises(UnauthenticatedError, match="not valid"):
        read_access_token(settings, token)
