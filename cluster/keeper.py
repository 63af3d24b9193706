"""Keep a server running while any process uses it. Runs as a script and imports only the standard library.

Every process that uses the server holds a shared lock on one file; the kernel releases it when the process ends, for
any reason. This process requests an exclusive lock: once it gets it, no user is left, and it stops the server.

A server is one process or, with `--daemons`, the processes that a command leaves running when it succeeds, such as
those of `ray start`. They and everything that they start remain descendants of this process, so that none outlives it.
With `--daemons`, one line of JSON on standard output reports that they run, and another that one of them has died.
"""

import argparse
import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Keeper:
    """Starts the command, waits, and stops what the command has started."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.libc = ctypes.CDLL(None)
        self.server: subprocess.Popen[bytes] | None = None
        self.daemons: dict[int, str] = {}

    def run(self) -> int:
        """Run until no user is left, or until the server ends by itself; return the exit code."""
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, leave)
        users = os.open(self.given.users, os.O_RDWR | os.O_CREAT, 0o600)
        code = 0
        try:
            with open(self.given.log, "wb", opener=private) as log:
                self.server = subprocess.Popen(
                    self.given.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self.given.user,
                    group=self.given.group,
                    extra_groups=None if self.given.user is None else [],
                    preexec_fn=self.die_with_parent,  # safe: this process has one thread
                )
            if self.given.daemons:
                code = self.server.wait()
                if code == 0:
                    self.daemons = {pid: name_of(pid) for pid in children()}
                    say(ready=self.daemons)
            else:
                self.daemons = {self.server.pid: name_of(self.server.pid)}
            if code == 0:
                signal.signal(signal.SIGCHLD, self.look)
                self.look()
                fcntl.flock(users, fcntl.LOCK_EX)  # held until this process has ended: new users wait for that
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.stop()
            for path in self.given.remove:
                remove(path)
        return code

    def die_with_parent(self) -> None:
        """Have the kernel kill the server if this process is killed; daemons are left for their users to end."""
        if not self.given.daemons:
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def look(self, *_: object) -> None:
        """Reap children that have ended; the death of a daemon that is not spare ends the server."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid, status = 0, 0
            if pid in self.daemons and self.daemons[pid] not in self.given.spare:
                if self.given.daemons:
                    say(died=self.daemons[pid], pid=pid, code=os.waitstatus_to_exitcode(status))
                self.given.grace_s = 0.0  # without that daemon, the rest cannot shut down in order
                raise SystemExit(1)
            if pid == 0:
                return

    def stop(self) -> None:
        """Ask the server to end, and kill what is left of it.

        Only the newest daemon is asked: in Ray the raylet, which ends its workers and needs the older daemons to do so.
        """
        asked = [max(self.daemons, key=started_at)] if self.given.daemons and self.daemons else children()
        for pid in asked:
            with suppress(ProcessLookupError):
                os.kill(pid, self.given.stop_signal)
        deadline = time.monotonic() + self.given.grace_s
        while set(asked) & set(children()) and time.monotonic() < deadline:
            reap()
            time.sleep(0.02)
        # Children of a killed process become this process's children: repeat until none is left.
        while children():
            for pid in children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            reap()
            time.sleep(0.02)


def leave(*_: object) -> None:
    """Exit, as a signal handler."""
    raise SystemExit


def reap() -> None:
    """Reap children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def children() -> "list[int]":
    """Processes whose parent is this one."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and stat_of(int(pid))[1:2] == [str(os.getpid())]]  # noqa: PTH208


def started_at(pid: int) -> int:
    """Start time of a process, in kernel clock ticks; 0 if the process is gone."""
    return int((stat_of(pid)[19:20] or ["0"])[0])


def stat_of(pid: int) -> "list[str]":
    """The fields of /proc/PID/stat from the third (the state) on; empty if the process is gone."""
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        return stream.read().rpartition(")")[2].split()
    return []


def name_of(pid: int) -> str:
    """Name of a process's program, for messages."""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        parts = [part for part in stream.read().split("\0") if part and not part.startswith("-")]
        programs = [part for part in parts if not os.path.basename(part).startswith("python")]  # noqa: PTH119
        if programs:
            return os.path.basename(programs[0]).removesuffix(".py")  # noqa: PTH119
    return "process"


def remove(path: str) -> None:
    """Remove a folder or a file."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108


def say(**told: object) -> None:
    """Send a line of JSON to the process that started this one; it may be gone."""
    with suppress(OSError):
        os.write(1, (json.dumps(told) + "\n").encode())


def private(path: str, flags: int) -> int:
    """Open a file so that only its owner may read it."""
    return os.open(path, flags, 0o600)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", required=True, help="the file that users lock")
    parser.add_argument("--log", required=True, help="what the command says")
    parser.add_argument("--stop-signal", type=int, default=signal.SIGTERM, help="asks the server to end")
    parser.add_argument("--grace-s", type=float, default=10.0, help="between that and SIGKILL, in seconds")
    parser.add_argument("--user", type=int, help="user id of the command")
    parser.add_argument("--group", type=int, help="group id of the command")
    parser.add_argument("--daemons", action="store_true", help="the command ends, and leaves the server behind")
    parser.add_argument(
        "--spare", action="append", default=[], help="a daemon, by name, that the server can do without"
    )
    parser.add_argument("--remove", action="append", default=[], help="a folder or file that goes with the server")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    given.command = given.command[1:] if given.command[:1] == ["--"] else given.command
    return Keeper(given).run()


if __name__ == "__main__":
    sys.exit(main())
