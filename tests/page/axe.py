"""What is wrong in a page: what axe-core finds (WCAG 2.2 A and AA, and best practices), and what no screen holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

_MENU = "[data-radix-popper-content-wrapper"
_AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"


LOOKS = [(theme, width) for theme in ("light", "dark") for width in (360, 1440)]
"""Colour schemes, and widths of the screen in px, that every page is looked at in."""


@dataclass
class Inspection:
    """Pages that are looked at, and what was found wrong on each."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def look_at(self, page: Page, what: str) -> None:
        """Note what is wrong on a page as it is now."""
        wrong = violations(page)
        wide_px = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        if wide_px > 0:
            wrong.append(f"{wide_px} px wider than the screen")
        if wrong:
            self.found[what] = wrong

    def found_nothing(self) -> None:
        """Assert it."""
        assert self.found == {}


def opened(open_context: Callable[..., BrowserContext], theme: str, width: int) -> Page:
    """A page of a new browser profile that looks so and does not move."""
    viewport = {"width": width, "height": 900}
    return open_context(color_scheme=theme, viewport=viewport, reduced_motion="reduce").new_page()


def every_look(open_context: Callable[..., BrowserContext]) -> Iterator[tuple[Page, str]]:
    """A new page in each look, and what the look is called."""
    for theme, width in LOOKS:
        yield opened(open_context, theme, width), f"{theme}, {width} px"


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
