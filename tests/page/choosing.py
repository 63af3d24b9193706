"""Controls of forms that need more than one step, by pointer and by keyboard."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MOST_TABS = 150


def choose(page: Page, label: str, text: str) -> None:
    """Choose an option of a combobox by its search."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("combobox", name=f"Search {label.lower()}s …").fill(text)
    page.get_by_role("option", name=text).first.click()
    expect(page.get_by_label(label, exact=True)).to_contain_text(text)


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until an element has the focus, as somebody without a pointer does."""
    for _ in range(MOST_TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")
