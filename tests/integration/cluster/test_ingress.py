"""HAProxy in front of the API: where it runs and with which configuration."""

from __future__ import annotations

import json
import logging
import os
import shlex
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def door(**changed: Any) -> haproxy.Door:
    limits = {"connections_per_address": 512, "requests_per_address": 64, "requests_per_login": 16}
    limits |= {"streams_per_address": 256, "streams_per_login": 64}
    return haproxy.Door(**{"host": "127.0.0.1", "port": 8000, **limits, **changed})


def binds(config: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in config.splitlines() if line.lstrip().startswith("bind ")]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_serve_listens_on_is_reached_from_this_machine_alone(host: str, folder: Path) -> None:
    config = haproxy.changed(serves_config(folder, host), folder, 8000)
    assert binds(config) == ["127.0.0.1:9101", f"unix@{folder / 'web.sock'}", "127.0.0.1:8404"]
    assert "mode 600 level admin expose-fd listeners" in config
    assert haproxy.changed(config, folder, 8000) == config


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("0.0.0.0", ["0.0.0.0:8000"]), ("::", ["0.0.0.0:8000", ":::8000 v6only"]), ("::1", ["[::1]:8000"])],
)
def test_the_door_listens_where_it_was_told_to(host: str, addresses: list[str], folder: Path) -> None:
    assert binds(door(host=host).config(folder, "key", 4096)) == addresses


def test_a_configuration_without_the_apis_port_is_refused(folder: Path) -> None:
    for config in ("global\ndefaults\n", serves_config(folder), "frontend x\n    bind fd@3\n"):
        with pytest.raises(haproxy.UnknownConfigError, match="listens on port 8001"):
            haproxy.changed(config, folder, 8001)


def test_haproxys_own_answers_are_problems(folder: Path) -> None:
    haproxy.write_answers(folder)
    for path in folder.glob("*.http"):
        head, _, body = path.read_bytes().decode().partition("\r\n\r\n")
        assert "Content-Type: application/problem+json" in head
        assert f"Content-Length: {len(body)}" in head
        status = json.loads(body)["status"]
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert ("Retry-After: " in head) is (status in {408, 429, 503})


@pytest.mark.parametrize("proxies", [(), ("10.0.0.0/8", "2001:db8::/32")])
@pytest.mark.parametrize("requests", [1, 64])
@pytest.mark.parametrize("most", [1, 312, 16384])
def test_haproxy_takes_both_configurations(most: int, requests: int, proxies: tuple[str, ...], folder: Path) -> None:
    values = ingress.environment(folder, {})
    haproxy.write_answers(folder)
    serves, ours = folder / "changed.cfg", folder / "door.cfg"
    serves.write_text(haproxy.changed(serves_config(folder), folder, 8000))
    told = door(proxies=proxies, requests_per_address=requests, requests_per_login=requests)
    ours.write_text(told.config(folder, "key", most))
    binary = shlex.split(Path(values["RAY_SERVE_HAPROXY_BINARY_PATH"]).read_text().splitlines()[1])[-2]
    done = subprocess.run([binary, "-c", "-f", serves, "-f", ours], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_door_is_told_through_the_environment() -> None:
    told = door(proxies=("10.0.0.0/8",))
    assert haproxy.Door.read(told.told()) == told


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
    """HAProxy does not start where it may not open two files and a half for each connection."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 1024))
    values = ingress.environment(folder, {})
    most = int(values["RAY_SERVE_HAPROXY_MAXCONN"])
    assert most == 249
    at, metrics, stats = free_ports(3)
    told = {**os.environ, **values, **ingress.variables(door(port=at))}
    config = serves_config(folder).replace("maxconn 4096", f"maxconn {most}")
    for port, free in ((8000, at), (8404, stats), (9101, metrics)):
        config = config.replace(f":{port}", f":{free}")
    path = folder / "serves.cfg"
    path.write_text(config)
    limited = f"ulimit -n 1024; timeout 2 {values['RAY_SERVE_HAPROXY_BINARY_PATH']} -db -f {path}; echo $?"
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=False, env=told)
    assert done.stdout.strip() == "124", done.stderr  # it ran until it was ended


def test_the_folder_and_the_key_are_for_this_user_alone(folder: Path) -> None:
    (folder / "ha").mkdir(mode=0o777)
    values = ingress.environment(folder, {})
    assert stat.S_IMODE((folder / "ha").stat().st_mode) == 0o700
    key = Path(values["LIM_DOOR_KEY_FILE"])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(ingress.door_key(values)) == 64
    assert ingress.environment(folder, {}) == values
    assert ingress.door_key(values) == key.read_text()  # made once


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
