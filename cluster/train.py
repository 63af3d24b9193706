"""The driver of a training run: `python -m cluster.train --config FILE`.

    python -m cluster.train --config configs/runs/digits-qlora.yaml --set training.max_steps=50
    ray job submit --working-dir . -- python -m cluster.train --config configs/runs/digits-qlora.yaml

The config is checked, and every fault in it reported, before Ray or torch is imported and before anything is started.
Without `RAY_ADDRESS` a local cluster starts, without `S3_ENDPOINT_URL` a local object store. Run again with the same
config, a killed run continues from its newest checkpoint, and a finished one returns its result.

Exit codes: 0 succeeded, or stopped on request; 1 failed; 2 rejected (config, data and resources do not fit together;
retrying is useless); 130 interrupted before training began.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cluster import command
from cluster.config import RunConfig
from cluster.launch import launch, run

__all__ = ["launch", "main", "read_run_config", "run"]

_log = logging.getLogger("cluster.train")


def read_run_config(where: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The config at a path or `s3://` address, YAML or JSON, with `path=value` overrides applied.

    Raises:
        ConfigError: names every fault.
        ClusterError: the object store cannot be used.
    """
    return command.read_config(RunConfig, where, overrides)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    def train(where: str, overrides: Sequence[str]) -> Mapping[str, Any]:
        return run(read_run_config(where, overrides))

    return command.main("cluster.train", __doc__ or "", train, _log, arguments)


if __name__ == "__main__":
    sys.exit(main())
