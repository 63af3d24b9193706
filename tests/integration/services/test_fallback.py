"""The API in front of this Ray as it is, and of one whose HAProxy cannot be started: that has one through Serve's own proxy."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.ports import free_port
from cluster.runtime import start_local
from services.settings import Settings
from tests.integration.services.killable import kept_environment, processes_called

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("default")]

_TEMPLATES = "ray.serve._private.haproxy_templates"
_HOOK = """\
import importlib.machinery, importlib.util, sys

class Replaced:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "{name}":
            return importlib.util.spec_from_file_location(name, "{file}")

sys.meta_path.insert(0, Replaced)
"""


def broken(template: str, how: str) -> str:
    """Serve's template of another version, in which something is not as it is now."""
    if how == "without the API's listener":
        return re.sub(r"bind \{\{ config\.frontend_host \}\}:\{\{ config\.frontend_port \}\}", "bind fd@3", template)
    return template.replace("{{ config.maxconn }}", "{{ config.of_another_name.of_a_value }}")  # it cannot be rendered


@pytest.mark.parametrize("how", ["without the API's listener", "that cannot be rendered"])
def test_another_template_of_serve_is_an_api_through_serves_own_proxy(
    how: str, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.serve._private import haproxy_templates

    original = Path(haproxy_templates.__file__).read_text(encoding="utf-8")
    changed = broken(original, how)
    assert changed != original
    (tmp_path / "templates.py").write_text(changed, encoding="utf-8")
    (tmp_path / "sitecustomize.py").write_text(_HOOK.format(name=_TEMPLATES, file=tmp_path / "templates.py"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with kept_environment(), start_local(cpus=2), caplog.at_level(logging.WARNING):
        from services import serve_app

        try:
            address = serve_app.deploy_api(settings, port=free_port())
            assert processes_called("haproxy") == []
            assert "HAProxy did not start in front of the API" in caplog.text
            assert "Serve's own proxy" in caplog.text
            assert httpx.get(f"{address}/healthz", timeout=30).json() == {"status": "alive"}
            forged = {"X-LIM-Peer": "198.51.100.1", "X-Forwarded-For": "198.51.100.1"}
            body = {"username_or_email": f"nobody {how}", "password": "not the password"}
            statuses = [
                httpx.post(f"{address}/api/v1/auth/login", json=body, headers=forged, timeout=30).status_code
                for _ in range(settings.login_attempts + 2)
            ]
            assert statuses == [401] * settings.login_attempts + [429] * 2
        finally:
            serve_app.undeploy()


def test_an_api_on_all_addresses_opens_one_port(settings: Settings) -> None:
    """The replicas, Serve's other proxy and HAProxy's own pages stay on loopback."""
    with kept_environment(), start_local(cpus=2):
        from services import serve_app

        port = free_port()
        try:
            address = serve_app.deploy_api(settings, host="0.0.0.0", port=port)
            assert address == f"http://0.0.0.0:{port}"
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            serving = [
                process
                for process in psutil.Process().children(recursive=True)
                if process.name() == "haproxy" or "Serve" in process.name() or "Proxy" in process.name()
            ]
            opened = {
                at.laddr for process in serving for at in process.net_connections("tcp4") if at.status == "LISTEN"
            }
            assert {at.port for at in opened if at.ip != "127.0.0.1"} == {port}
            replicas = [at.port for at in opened if 30000 <= at.port <= 31000]
            assert replicas, opened
            for each in replicas:
                told = {"X-LIM-Peer": "198.51.100.1", "X-LIM-Door": "a guess"}
                answer = httpx.get(f"http://127.0.0.1:{each}/api/v1/users/me", headers=told)
                assert (answer.status_code, answer.json()["code"]) == (403, "not_the_door")
        finally:
            serve_app.undeploy()
