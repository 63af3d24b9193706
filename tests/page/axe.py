"""axe-core in a page: WCAG 2.2 A and AA, and best practices."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_MENU = "[data-radix-popper-content-wrapper"
_AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"


@cache
def _script() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe finds wrong, one line each: rule, elements, why."""
    found: list[dict[str, Any]] = json.loads(_report(page))
    for violation in found:
        if violation["id"] == "region":
            # An open menu belongs to its button, not to a landmark; the rule exempts dialogs, and forgets menus.
            violation["nodes"] = [node for node in violation["nodes"] if _MENU not in node["target"][0]]
    return [
        f"{violation['id']}: {' '.join(node['target'][0] for node in violation['nodes'][:5])}"
        f" ({violation['nodes'][0]['failureSummary'].splitlines()[-1].strip()})"
        for violation in found
        if violation["nodes"]
    ]


def _report(page: Page) -> str:
    """By the debugger: the page's policy lets no foreign script in."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": f"if (!window.axe) {{ {_script()} }}"})
    answer = session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run(document, {resultTypes: ['violations']}).then((r) => JSON.stringify(r.violations))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    session.detach()
    assert "exceptionDetails" not in answer, answer
    return str(answer["result"]["value"])
