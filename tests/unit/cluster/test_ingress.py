"""HAProxy in front of the API: where it runs and with which configuration."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import haproxy, ingress
from cluster.ports import free_ports


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, as a cluster has it."""
    with tempfile.TemporaryDirectory(prefix="lim-ha-", dir="/tmp") as name:
        yield Path(name)


def serves_config(folder: Path, host: str = "127.0.0.1") -> str:
    """What this version of Ray Serve writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.serve._private.haproxy import HAProxyApi, HAProxyConfig
        from ray.serve.config import HTTPOptions

        config = HAProxyConfig(
            http_options=HTTPOptions(host=host, port=8000),
            metrics_enabled=False,
            socket_path=str(folder / "admin.sock"),
            server_state_base=str(folder),
            server_state_file=str(folder / "server-state"),
        )
        path = folder / "haproxy.cfg"
        HAProxyApi(config, config_file_path=str(path))._generate_config_file_internal()
        return path.read_text()


def binds(config: str) -> list[str]:
    return [line.split()[1] for line in config.splitlines() if line.lstrip().startswith("bind ")]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_only_the_api_listens_where_it_was_told_to(host: str, folder: Path) -> None:
    config = haproxy.changed(serves_config(folder, host), folder)
    door = f"{'*' if host == '0.0.0.0' else host}:8000"
    assert binds(config) == ["127.0.0.1:9101", door, f"unix@{folder / 'web.sock'}", "127.0.0.1:8404"]


def test_the_peer_is_told_whatever_the_client_says(folder: Path) -> None:
    config = haproxy.changed(serves_config(folder), folder)
    door = config.partition("listen door")[2].partition("frontend http_frontend")[0]
    assert "http-request set-header X-LIM-Peer %[src]" in door
    assert config.count("X-LIM-Peer") == 1  # behind the door everybody is HAProxy itself


def test_a_request_that_breaks_off_is_answered(folder: Path) -> None:
    """HAProxy says nothing on a connection that it has answered before, so each request gets one of its own."""
    config = haproxy.changed(serves_config(folder), folder)
    door = config.partition("listen door")[2].partition("frontend http_frontend")[0]
    assert "option http-server-close" in door
    for status in (502, 503, 504):
        assert f"errorfile {status} {folder}/{status}.http" in config
        haproxy.write_errors(folder)
        head = (folder / f"{status}.http").read_text()
        assert head.startswith("HTTP/1.1 503 ")
        assert "Retry-After: 1" in head


def test_a_configuration_that_is_changed_twice_is_changed_once(folder: Path) -> None:
    once = haproxy.changed(serves_config(folder), folder)
    assert haproxy.changed(once, folder) == once


def test_a_configuration_of_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(haproxy.UnknownConfigError, match="has no frontend http_frontend, frontend prometheus, listen"):
        haproxy.changed("global\ndefaults\n", folder)


def test_haproxys_own_answers_are_problems(folder: Path) -> None:
    haproxy.write_errors(folder)
    head, _, body = (folder / "503.http").read_text().partition("\n\n")
    assert "Content-Type: application/problem+json" in head
    assert f"Content-Length: {len(body)}" in head
    assert json.loads(body)["code"] == "unavailable"


def test_haproxy_takes_the_changed_configuration(folder: Path) -> None:
    values = ingress.environment(folder, {})
    haproxy.write_errors(folder)
    path = folder / "changed.cfg"
    path.write_text(haproxy.changed(serves_config(folder), folder))
    done = subprocess.run(
        [values["RAY_SERVE_HAPROXY_BINARY_PATH"], "-c", "-f", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_haproxy_is_the_default_and_its_files_lie_together(folder: Path) -> None:
    values = ingress.environment(folder, {}, free_ports=True)
    assert values["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert ingress.is_behind_haproxy(values)
    ports = [int(value) for name, value in values.items() if name.endswith("_PORT")]
    assert len(set(ports)) == 4
    paths = [value for value in values.values() if value.startswith("/")]
    assert all(Path(path).is_relative_to(folder) for path in paths)


def test_whoever_sets_rays_switch_decides(folder: Path) -> None:
    assert ingress.environment(folder, {"RAY_SERVE_ENABLE_HA_PROXY": "0"}) == {}
    assert ingress.environment(folder, {"RAY_SERVE_HAPROXY_NBTHREAD": "3"})["RAY_SERVE_HAPROXY_NBTHREAD"] == "3"


def test_few_files_are_fewer_connections(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HAProxy does not start where it may not open two files for each connection."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 1024))
    values = ingress.environment(folder, {})
    assert values["RAY_SERVE_HAPROXY_MAXCONN"] == "312"
    haproxy.write_errors(folder)
    path = folder / "changed.cfg"
    config = haproxy.changed(serves_config(folder), folder).replace("maxconn 4096", "maxconn 312")
    for port, free in zip((8000, 8404, 9101), free_ports(3), strict=True):
        config = config.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    path.write_text(config)
    binary = values["RAY_SERVE_HAPROXY_BINARY_PATH"]
    limited = f"ulimit -n 1024; timeout 2 {binary} -db -f {path}; echo $?"
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "124", done.stderr  # it ran until it was ended


@pytest.mark.parametrize(
    ("binary", "reason"),
    [("/bin/false", "/bin/false -v: 1"), ("/nowhere/haproxy", "No such file or directory")],
)
def test_a_machine_without_haproxy_gets_serves_own_proxy(
    binary: str, reason: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        values = ingress.environment(folder, {"RAY_SERVE_HAPROXY_BINARY_PATH": binary})
    assert values == {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    assert reason in caplog.text
    assert "Serve's own, slower proxy" in caplog.text


def test_a_long_path_is_told_before_haproxy_would(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert ingress.environment(folder / "a-longer-path", {}) == {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    assert "which its sockets allow" in caplog.text


def test_the_variables_are_written_for_a_shell() -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            'eval "$("$0" -m cluster.ingress)"; echo "$RAY_SERVE_ENABLE_HA_PROXY $LIM_INGRESS"',
            sys.executable,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("RAY_SERVE")},
    )
    assert done.stdout.strip() == "1 haproxy"
