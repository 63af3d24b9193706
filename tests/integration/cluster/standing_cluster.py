"""A Ray cluster with an object store, for as long as its standard input is open.

`python -m tests.integration.cluster.standing_cluster HOME` prints a line of JSON: the environment in which drivers
reach both. In a process of its own, so that the tests' process can be measured, killed and warned of by nobody.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(home: Path) -> None:
    os.environ["LIM_HOME"] = str(home)
    from cluster.runtime import start_local
    from cluster.storage.embedded import EmbeddedS3

    with EmbeddedS3.start(home) as s3, start_local(cpus=2, labels={"lim/device-class": "test"}) as runtime:
        environment = {**s3.settings.environment(), **runtime.environment(), "LIM_HOME": str(home)}
        told = {"environment": environment, "dashboard_url": runtime.dashboard_url}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
