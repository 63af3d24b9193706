"""Fair order for shared work: users take turns, so that one user's thousand items do not delay the others."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, zip_longest


class Turns:
    """Remembers when each user and each item was last served; the least recently served comes first."""

    def __init__(self) -> None:
        self._users: dict[uuid.UUID, float] = {}
        self._items: dict[uuid.UUID, float] = {}

    def order(self, waiting: Iterable[tuple[uuid.UUID, uuid.UUID]]) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Waiting items in the order in which to serve them.

        Args:
            waiting: pairs of user id and item id; ties keep this order.
        """
        by_user: dict[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID]]] = defaultdict(list)
        for user_id, item_id in waiting:
            by_user[user_id].append((user_id, item_id))
        present = {item_id for items in by_user.values() for _, item_id in items}
        self._users = {user_id: at_s for user_id, at_s in self._users.items() if user_id in by_user}
        self._items = {item_id: at_s for item_id, at_s in self._items.items() if item_id in present}
        users = sorted(by_user, key=lambda user_id: self._users.get(user_id, 0.0))
        rows = [sorted(by_user[user_id], key=lambda item: self._items.get(item[1], 0.0)) for user_id in users]
        return [item for item in chain.from_iterable(zip_longest(*rows)) if item is not None]

    def serve(self, user_id: uuid.UUID, item_id: uuid.UUID) -> None:
        """Record that an item is served now."""
        self._users[user_id] = self._items[item_id] = time.monotonic()
