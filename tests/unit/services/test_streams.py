"""How many event streams may be open."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest

from services.api.streams import MOST_STREAMS, StreamSlots
from services.errors import ThrottledError


def test_streams_are_bounded_by_user_by_address_and_in_all() -> None:
    slots = StreamSlots(per_user=3, per_address=5)
    ada, bob = uuid.uuid4(), uuid.uuid4()
    with ExitStack() as stack:
        for n in range(3):
            stack.enter_context(slots.taken(ada, f"192.0.2.{n}"))
        with pytest.raises(ThrottledError, match="3 event streams of this user"), slots.taken(ada, "192.0.2.9"):
            pass
        for _ in range(5):
            stack.enter_context(slots.taken(uuid.uuid4(), "198.51.100.1"))
        with pytest.raises(ThrottledError, match="5 event streams of this address"), slots.taken(bob, "198.51.100.1"):
            pass
        with slots.taken(bob, "198.51.100.2"):
            pass
    with ExitStack() as stack:  # all of them are free again
        for n in range(MOST_STREAMS):
            stack.enter_context(slots.taken(uuid.uuid4(), f"network {n}"))
        with pytest.raises(ThrottledError, match="are open in this process") as refused, slots.taken(bob, "192.0.2.1"):
            pass
        assert int(refused.value.headers["Retry-After"]) > 0
    with slots.taken(ada, "192.0.2.1"):
        pass
