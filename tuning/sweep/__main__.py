"""The driver of a sweep: `python -m tuning.sweep --config FILE`.

    python -m tuning.sweep --config configs/sweeps/learning-rate.yaml --set search.algorithm.trials=4
    ray job submit --working-dir . -- python -m tuning.sweep --config configs/sweeps/ranks.yaml

Ray Tune runs each trial as a training in an actor of its own, and stops early those that others beat. Without `RAY_ADDRESS`
a local cluster starts, without `S3_ENDPOINT_URL` a local object store. Run again with the same config, a killed or stopped
sweep goes on with the trials that had not ended, each from its newest checkpoint, and a finished one returns its result.

Exit codes: 0 done, or stopped on request; 1 failed; 2 rejected (config, data and resources do not fit together; retrying
is useless); 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cluster import command
from tuning.sweep.config import SweepRunConfig
from tuning.sweep.driver import log, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    def sweep(where: str, overrides: Sequence[str]) -> Mapping[str, Any]:
        return run(command.read_config(SweepRunConfig, where, overrides))

    return command.main("tuning.sweep", __doc__ or "", sweep, log, arguments)


if __name__ == "__main__":
    sys.exit(main())
