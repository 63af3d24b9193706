"""Which platform `lim` talks to and with which key: LIM_URL and LIM_API_KEY, else the login that `lim login` saved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

LOCAL: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Login:
    """A saved API key for a platform."""

    url: str
    api_key: str
    key_id: str
    username: str
    expires_at: str


def logins_file() -> Path:
    """The file in which `lim login` saves keys, readable only by its owner."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "less-is-more" / "logins.json"


def current_url(given: str | None = None) -> str:
    """The address given, else that of the latest login, else port 8000 on this machine."""
    return (given or _kept().get("current") or LOCAL).rstrip("/")


def login_at(url: str) -> Login | None:
    """The saved login for a platform."""
    kept = _kept().get("logins", {}).get(url.rstrip("/"))
    return Login(**kept) if kept else None


def keep(login: Login) -> None:
    """Save a login; later commands talk to its platform."""
    logins = {**_kept().get("logins", {}), login.url: asdict(login)}
    _write({"current": login.url, "logins": logins})


def forget(url: str) -> None:
    """Delete the saved login for a platform."""
    logins = {each: login for each, login in _kept().get("logins", {}).items() if each != url}
    _write({"current": next(reversed(logins), None), "logins": logins})


def _kept() -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        kept = json.loads(logins_file().read_bytes())
        if isinstance(kept, dict):
            return kept
    return {}


def _write(value: Mapping[str, Any]) -> None:
    path = logins_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".partial")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(value, stream, indent=1)
    draft.replace(path)
