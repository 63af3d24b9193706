"""`lim admin` against a stub of the platform: what it asks, and what it prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.services.cli.conftest import Lim
from tests.unit.services.cli.stub import Stub
from tests.unit.services.cli.test_nouns import ID, answer_of

KEY = ID.format(9)


@pytest.fixture(autouse=True)
def ada(stub: Stub) -> str:
    """An account that the platform knows; its id."""
    account = answer_of("AccountOut", id=ID.format(1), username="ada", email="ada@example.com", disabled_at=None)
    other = {**account, "id": ID.format(2), "username": "ada2", "email": "other@example.com"}
    stub.on("GET /admin/users", {"items": [other, account], "total": 2, "next_cursor": None})
    for path in ("disable", "enable"):
        stub.on(f"POST /admin/users/{ID.format(1)}/{path}", account)
    stub.on(f"GET /admin/users/{ID.format(1)}", answer_of("AccountDetailOut", id=ID.format(1), username="ada", jobs=3))
    return str(account["id"])


def test_accounts_are_listed_with_every_filter(lim: Lim, stub: Stub) -> None:
    assert lim("admin", "users", "--search", "a", "--role", "user", "--disabled", "--limit", 1).exit_code == 0
    [asked] = stub.sent("GET /admin/users")
    assert asked.query == {"limit": "1", "q": "a", "role": "user", "disabled": "true"}
    assert [each["username"] for each in json.loads(lim("admin", "users", "--json").stdout)["items"]] == ["ada2", "ada"]


@pytest.mark.parametrize("name", ["ada", "ADA@example.com", ID.format(1)])
def test_an_account_is_named_in_three_ways(lim: Lim, stub: Stub, ada: str, name: str) -> None:
    assert json.loads(lim("admin", "show", name, "--json").stdout)["jobs"] == 3
    assert stub.sent(f"GET /admin/users/{ada}")


def test_an_unknown_account_is_told(lim: Lim, stub: Stub) -> None:
    done = lim("admin", "disable", "nobody", "--yes")
    assert done.exit_code == 2
    assert "There is no account 'nobody'" in done.stderr
    assert all(asked.method == "GET" for asked in stub.asked)


def test_disabling_asks_first_and_sends_every_choice(lim: Lim, stub: Stub, ada: str) -> None:
    assert lim("admin", "disable", "ada").exit_code == 2
    assert not stub.sent(f"POST /admin/users/{ada}/disable")
    assert lim("admin", "disable", "ada", "--reason", "spam", "--stop-jobs", "--yes").exit_code == 0
    [asked] = stub.sent(f"POST /admin/users/{ada}/disable")
    assert asked.body == {"jobs": "stop", "reason": "spam"}
    assert lim("admin", "enable", "ada").exit_code == 0


def test_a_password_is_reset_and_set_anew(lim: Lim, stub: Stub, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = answer_of("ResetOut", reset_token="limp_x")
    stub.on(f"POST /admin/users/{ada}/password-reset", made, 201)
    done = lim("admin", "reset-password", "ada", "--yes")
    assert done.stdout == "limp_x\n"
    assert "lim account reset TOKEN" in done.stderr
    monkeypatch.delenv("LIM_API_KEY")
    monkeypatch.setenv("LIM_NEW_PASSWORD", "a long pass phrase")
    stub.on("POST /auth/reset-password", None, 204)
    assert lim("account", "reset", "limp_x").exit_code == 0
    [asked] = stub.sent("POST /auth/reset-password")
    assert asked.body == {"reset_token": "limp_x", "new_password": "a long pass phrase"}


@pytest.mark.parametrize(
    ("words", "call", "query"),
    [
        (["revoke-keys", "ada", "--yes"], f"DELETE /admin/users/{ID.format(1)}/api-keys", {}),
        (["revoke-keys", "ada", KEY, "--yes"], f"DELETE /admin/users/{ID.format(1)}/api-keys/{KEY}", {}),
        (["end-logins", "ada"], f"DELETE /admin/users/{ID.format(1)}/logins", {}),
        (["stop", "jobs", ID.format(5)], f"POST /admin/jobs/{ID.format(5)}/stop", {}),
        (["delete", "datasets", ID.format(5), "--yes"], f"DELETE /admin/datasets/{ID.format(5)}", {}),
    ],
)
def test_what_changes_something(lim: Lim, stub: Stub, words: list[str], call: str, query: dict[str, str]) -> None:
    stub.on(call, None, 204)
    done = lim("admin", *words, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)
    [asked] = stub.sent(call)
    assert asked.query == query
    refused = [*(word for word in words if word != "--yes")]
    if "--yes" in words:
        assert lim("admin", *refused).exit_code == 2  # nobody can be asked here
        assert len(stub.sent(call)) == 1


@pytest.mark.parametrize(
    ("words", "call", "item", "query"),
    [
        (
            ["list", "jobs", "--user", "ada", "--search", "x", "--status", "running"],
            "GET /admin/jobs",
            answer_of("ThingOut", name="theirs", username="ada"),
            {"user_id": ID.format(1), "q": "x", "status": "running", "limit": "50"},
        ),
        (
            ["audit", "--user", "ada", "--by", "ada2", "--action", "password_reset"],
            "GET /admin/audit",
            answer_of("AdminAuditOut", action="password_reset", username="ada", actor="ada2"),
            {"user_id": ID.format(1), "actor_id": ID.format(2), "action": "password_reset", "limit": "50"},
        ),
        (
            ["keys", "ada"],
            f"GET /admin/users/{ID.format(1)}/api-keys",
            answer_of("ApiKeyOut", name="a script", scope="read"),
            {"limit": "50"},
        ),
    ],
)
def test_what_is_listed(
    lim: Lim, stub: Stub, words: list[str], call: str, item: dict[str, Any], query: dict[str, str]
) -> None:
    stub.on(call, {"items": [item], "total": 1, "next_cursor": None})
    table = lim("admin", *words)
    assert table.exit_code == 0, table.output
    assert "ada" in table.stdout or "a script" in table.stdout
    assert json.loads(lim("admin", *words, "--json").stdout)["total"] == 1
    assert stub.sent(call)[0].query == query
