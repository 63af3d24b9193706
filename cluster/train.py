"""The driver of a training run: `python -m cluster.train --config FILE`.

    python -m cluster.train --config configs/runs/digits-qlora.yaml --set training.max_steps=50
    ray job submit --working-dir . -- python -m cluster.train --config configs/runs/digits-qlora.yaml

The config is checked, and every fault in it reported, before Ray or torch is imported and before anything is started.
Without `RAY_ADDRESS` a local cluster is started, without `S3_ENDPOINT_URL` a local object store. Run again with the
same config, a run that was killed goes on from its newest checkpoint, and a finished one gives its result.

Exit codes: 0 succeeded, or stopped on request; 1 failed; 2 refused (config, data or resources that do not go
together: trying again is no use); 130 interrupted before training began.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.config import RunConfig
from cluster.errors import ClusterError, DatasetUnavailableError, InfeasibleError, RefusedError
from cluster.launch import launch, run
from engine.config.base import apply_overrides, parse, read_yaml
from engine.errors import ConfigError, EngineError, Fault, ObjectNotFoundError

__all__ = ["launch", "main", "read_run_config", "run"]

_log = logging.getLogger("cluster.train")


def read_run_config(where: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The config at a path or `s3://` address, YAML or JSON, with `path=value` overrides laid over it.

    Raises:
        ConfigError: every fault at once.
        ClusterError: the object store cannot be used.
    """
    values = _read_from_s3(where) if where.startswith("s3://") else read_yaml(Path(where))
    return parse(RunConfig, apply_overrides(values, overrides))


def _read_from_s3(uri: str) -> Mapping[str, Any]:
    from cluster.storage.embedded import connected
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

    with connected(S3Settings.from_environment()) as storage:
        folder, _, name = uri.rpartition("/")
        try:
            text = S3RunStore.at(folder, storage).get_bytes(name)
        except ObjectNotFoundError:
            raise ConfigError([Fault("", f"no config at {uri}; give the address of a YAML or JSON object")]) from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError([Fault("", f"{uri} is not valid YAML: {error}")]) from error
    if not isinstance(values, dict):
        raise ConfigError([Fault("", f"{uri} holds {type(values).__name__}; a config is a mapping of fields")])
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        result = run(read_run_config(given.config, given.set))
    except ConfigError as error:
        count = len(error.faults)
        _complain(f"{given.config} has {count} fault{'s' if count != 1 else ''}:\n" + _indented(error))
        return 2
    except (InfeasibleError, RefusedError, DatasetUnavailableError) as error:
        _complain(f"refused:\n{_indented(error)}")
        return 2
    except (EngineError, ClusterError) as error:
        _complain(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    _log.info("%s", json.dumps(result, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m cluster.train",
        description=f"{summary}\n\n{details}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", required=True, metavar="FILE|s3://...", help="the run's config, YAML or JSON")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="lay a value over the config, such as training.max_steps=50; may be given again",
    )
    return parser


def _complain(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def _indented(error: Exception) -> str:
    return "\n".join(f"  {line}" for line in str(error).splitlines())


if __name__ == "__main__":
    sys.exit(main())
