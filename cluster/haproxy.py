"""Starts HAProxy for Ray Serve, in Serve's place: on addresses, with answers and for as long as is wanted here.

Serve writes a configuration and runs `haproxy -db -f CONFIG ...` (`RAY_SERVE_HAPROXY_BINARY_PATH`). This is run instead
of that binary: it changes the configuration, and becomes the binary. It needs no package: no virtual environment is set
up when it starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Final

PEER_HEADER: Final = "X-LIM-Peer"
"""Tells the API who is on the other side of HAProxy; what a client says there is thrown away."""
_OWN_SECTIONS: Final = ("frontend prometheus", "listen stats")
_WEB_SECTION: Final = "frontend http_frontend"
_DOOR_SECTION: Final = "listen door"
_WEB_RULES: Final = (
    # Only a stream needs to know that its reader has gone: Serve would watch every request for it, in a task of its own.
    "    http-request set-header x-request-disconnect-disabled ?1 unless { path_end /events }",
    # Serve tells the id that the client has sent beside the one that the API has made of it.
    "    http-response set-header X-Request-ID %[res.fhdr(X-Request-ID,1)] if { res.fhdr_cnt(X-Request-ID) gt 1 }",
)
_SECTION: Final = re.compile(r"^[a-z]+( \S+)?\s*$")
_BIND: Final = re.compile(r"^(\s*bind )(?:\*|0\.0\.0\.0)?(:\d+)")
_ERROR_FILE: Final = re.compile(r"^\s*errorfile ")
_PR_SET_PDEATHSIG: Final = 1
_ERRORS: Final = {
    502: "The API broke off; try again.",
    503: "The API cannot be reached now; try again.",
    504: "The API did not answer in time; try again.",
}


class UnknownConfigError(Exception):
    """A configuration that is not as this Ray's version writes it."""


def changed(config: str, errors: Path) -> str:
    """Serve's configuration with its own pages on loopback, the peer's address told, one request id, our errors, a door.

    Args:
        config: as Serve has written it, or as this function has left it.
        errors: folder with the answers that `write_errors` has put there.

    Raises:
        UnknownConfigError: a place that is to be changed is not there.
    """
    lines: list[str] = []
    done: set[str] = set()
    section = ""
    inner = f"unix@{errors / 'web.sock'}"
    for line in config.splitlines():
        if _SECTION.match(line):
            section = line.strip()
        if _ERROR_FILE.match(line) or line in _WEB_RULES:
            continue
        if section == _WEB_SECTION and line.lstrip().startswith("bind ") and inner not in line:
            at = lines.index(_WEB_SECTION)
            # HAProxy gives no answer on a connection that has had one before when the server breaks off. Here every
            # request comes to the replicas on a connection of its own, so that it is answered in any case.
            lines[at:at] = [
                _DOOR_SECTION,
                line,
                "    option http-server-close",
                f"    http-request set-header {PEER_HEADER} %[src]",
                f"    server web {inner}",
            ]
            line = f"    bind {inner}"
        if section in _OWN_SECTIONS and line.lstrip().startswith("bind "):
            line = _BIND.sub(r"\g<1>127.0.0.1\g<2>", line)
            done.add(section)
        lines.append(line)
        if section == _WEB_SECTION and line.lstrip().startswith("bind "):
            lines += _WEB_RULES
            done.add(section)
        if line.strip() == "defaults":
            lines += [f"    errorfile {status} {errors / f'{status}.http'}" for status in _ERRORS]
            done.add("defaults")
    if missing := {*_OWN_SECTIONS, _WEB_SECTION, "defaults"} - done:
        raise UnknownConfigError(f"Serve's HAProxy configuration has no {', '.join(sorted(missing))}")
    return "\n".join(lines) + "\n"


def write_errors(folder: Path) -> None:
    """What HAProxy answers in the API's place, in the API's form. What is no HTTP at all gets HAProxy's own answer."""
    for status, detail in _ERRORS.items():
        title = HTTPStatus(503).phrase
        problem = {"type": "about:blank", "title": title, "status": 503, "code": "unavailable", "detail": detail}
        body = json.dumps({**problem, "errors": [], "correlation_id": "-"})
        head = [f"HTTP/1.1 503 {title}", "Content-Type: application/problem+json", "Cache-Control: no-store"]
        head += ["Retry-After: 1", f"Content-Length: {len(body)}", "Connection: close", "", body]
        path = folder / f"{status}.http"
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes("\r\n".join(head).encode("ascii"))
        draft.replace(path)


def _end_with_parent() -> None:
    """HAProxy ends when the actor that has started it does, also by force: it would keep the port."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def main(binary: str, arguments: list[str]) -> None:
    """Change the configuration that the arguments name, and become HAProxy."""
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        write_errors(path.parent)
        path.write_text(changed(path.read_text(encoding="utf-8"), path.parent), encoding="utf-8")
        _end_with_parent()
    os.execv(binary, [binary, *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
