"""Pictures of the page for people to look at: `python -m tests.page.screenshots --url http://127.0.0.1:8000 /jobs`.

Signs a user up on a platform that runs, unless LIM_USER and LIM_PASSWORD name one, and takes each route in each theme
at each width. `make screenshots` takes all of them.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.page.browser import launched, log_in, settled, signed_up
from tests.page.routes import PUBLIC, ROUTES

WIDTHS = {"phone": 360, "tablet": 768, "desktop": 1440}
THEMES = ("light", "dark")
HEIGHT_PX = 900


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("routes", nargs="*", help="addresses such as /jobs; all of them by default")
    parser.add_argument("--url", default=os.environ.get("LIM_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--out", type=Path, default=Path("build/screenshots"))
    parser.add_argument("--widths", default=",".join(WIDTHS), help="of phone, tablet, desktop")
    parser.add_argument("--themes", default=",".join(THEMES))
    parser.add_argument("--part", action="store_true", help="only what is in view, not the whole page")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    user, password = os.environ.get("LIM_USER"), os.environ.get("LIM_PASSWORD")
    if not (user and password):
        user, password = f"pictures-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        signed_up(options.url, user, password)
    with sync_playwright() as driver, launched(driver) as browser:
        for theme in options.themes.split(","):
            context = browser.new_context(base_url=options.url, color_scheme=theme, reduced_motion="reduce")
            page = context.new_page()
            told: list[str] = []
            page.on(
                "console", lambda message, told=told: told.append(message.text) if message.type == "error" else None
            )
            page.on("pageerror", lambda error, told=told: told.append(str(error)))
            public = [route for route in options.routes or [*PUBLIC, *ROUTES] if route.split("?")[0] in PUBLIC]
            private = [route for route in options.routes or ROUTES if route not in public]
            for group in (public, private):
                if group is private and private:
                    log_in(page, user, password)
                for route in group:
                    for name in options.widths.split(","):
                        page.set_viewport_size({"width": WIDTHS[name], "height": HEIGHT_PX})
                        page.goto(route)
                        settled(page)
                        file = options.out / f"{_name_of(route)}-{theme}-{name}.png"
                        page.screenshot(path=file, full_page=not options.part)
                        sys.stdout.write(f"{file}\n")
                        for message in told:
                            sys.stdout.write(f"  console: {message}\n")
                        told.clear()
            context.close()
    return 0


def _name_of(route: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", route.lower()).strip("-") or "overview"


if __name__ == "__main__":
    raise SystemExit(main())
