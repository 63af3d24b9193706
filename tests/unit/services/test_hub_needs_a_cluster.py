"""A hub starts on the cluster that its process is connected to, never on one that Ray starts for the occasion."""

from __future__ import annotations

import pytest
import ray

from services.errors import HubError
from services.jobs.hub import start_hub
from services.settings import Settings


def test_without_a_cluster_there_is_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", lambda *_, **__: pytest.fail("a cluster was started"))
    with pytest.raises(HubError, match="not connected to a Ray cluster"):
        start_hub(Settings.model_construct())
