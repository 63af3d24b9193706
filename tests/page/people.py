"""Who uses the page."""

from __future__ import annotations

from dataclasses import dataclass

from services.client import Client


@dataclass(frozen=True)
class Person:
    name: str
    password: str
    client: Client
    """The API in their name: what a test needs to be there, and what it holds the page against."""
