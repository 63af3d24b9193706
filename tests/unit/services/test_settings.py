from __future__ import annotations

import stat
from pathlib import Path

import pytest

from services.errors import SettingsError
from services.settings import asyncpg_url, load_settings

URL = "postgresql://user:secret@host/base"
SECRET = "x" * 40


def test_development_makes_a_secret_that_only_the_owner_reads_and_keeps_it(tmp_path: Path) -> None:
    environ = {"LIM_HOME": str(tmp_path), "DATABASE_URL": URL}
    first = load_settings(environ)
    assert len(first.secret_key.get_secret_value()) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert load_settings(environ).secret_key == first.secret_key


def test_production_refuses_to_start_without_a_secret(tmp_path: Path) -> None:
    environ = {"LIM_HOME": str(tmp_path), "DATABASE_URL": URL, "LIM_ENVIRONMENT": "production"}
    with pytest.raises(SettingsError, match="LIM_SECRET_KEY is not set"):
        load_settings(environ)
    assert not (tmp_path / "secret_key").exists()
    assert load_settings({**environ, "LIM_SECRET_KEY": SECRET}).environment == "production"


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has 6 characters"):
        load_settings({"LIM_HOME": str(tmp_path), "DATABASE_URL": URL, "LIM_SECRET_KEY": "secret"})


def test_no_database_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL is not set.*lim up"):
        load_settings({"LIM_HOME": str(tmp_path)})


def test_unreadable_values_are_all_named(tmp_path: Path) -> None:
    environ = {
        "LIM_HOME": str(tmp_path),
        "DATABASE_URL": URL,
        "LIM_ACCESS_TOKEN_S": "soon",
        "LIM_JOB_ATTEMPTS": "0",
        "LIM_ENVIRONMENT": "staging",
    }
    with pytest.raises(SettingsError) as raised:
        load_settings(environ)
    assert "LIM_ACCESS_TOKEN_S" in str(raised.value)
    assert "LIM_JOB_ATTEMPTS" in str(raised.value)
    assert "LIM_ENVIRONMENT" in str(raised.value)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = load_settings({"LIM_HOME": str(tmp_path), "DATABASE_URL": URL, "LIM_SECRET_KEY": SECRET})
    assert SECRET not in repr(settings)
    assert "user:secret" not in repr(settings)


@pytest.mark.parametrize("given", ["postgres://u:p@h:5433/b", "postgresql://u:p@h:5433/b"])
def test_plain_addresses_are_taken(given: str) -> None:
    assert asyncpg_url(given) == "postgresql+asyncpg://u:p@h:5433/b"


@pytest.mark.parametrize("given", ["mysql://h/b", "sqlite:///x", "no address"])
def test_other_databases_are_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        asyncpg_url(given)
