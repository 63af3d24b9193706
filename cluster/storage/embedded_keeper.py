"""Run the embedded S3 server while any process uses it. Runs as a script; imports only the standard library.

Every user of the server holds a shared lock on one file, which the kernel releases when the process ends, however it ends.
This process requests an exclusive lock: once it gets it, no user is left, and it stops the server.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
STOP_GRACE_S = 10.0


def main(users_lock: str, log: str, command: list[str]) -> None:
    """Run `command` until nobody holds a shared lock on `users_lock`, or until it ends by itself."""
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def leave(*_: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGCHLD, leave)
    users = os.open(users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    with open(log, "wb") as stream:  # noqa: PTH123 (pathlib is the slowest import here)
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            preexec_fn=die_with_parent,  # safe: this process has one thread
        )
    try:
        fcntl.flock(users, fcntl.LOCK_EX)  # held until this process has ended: new users wait for it
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.terminate()
        try:
            server.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
