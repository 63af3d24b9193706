"""Code shared by this floor's commands: reading configs from files or objects, exit codes, error messages."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cluster.errors import (
    ClusterError,
    DatasetUnavailableError,
    InfeasibleError,
    ModelUnavailableError,
    RefusedError,
)
from cluster.storage.from_hub import adopt_storage
from engine.config.base import Config, apply_overrides, parse, read_yaml
from engine.errors import ConfigError, EngineError, Fault, ObjectNotFoundError, SelectionError

ConfigT = TypeVar("ConfigT", bound=Config)


def read_config(schema: type[ConfigT], where: str, overrides: Sequence[str] = ()) -> ConfigT:
    """The config at a path or `s3://` address, YAML or JSON, with `path=value` overrides applied.

    Raises:
        ConfigError: names every fault.
        ClusterError: the object store cannot be used.
    """
    values = _read_from_s3(where) if where.startswith("s3://") else read_yaml(Path(where))
    return parse(schema, apply_overrides(values, overrides))


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


def main(
    module: str,
    documentation: str,
    run: Callable[[str, Sequence[str]], Mapping[str, Any]],
    log: logging.Logger,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a command line and return the exit code.

    Args:
        module: the command's module name, as for `python -m`.
        documentation: the module's docstring, for `--help`.
        run: called with the config's path and the overrides; its result is logged.
        log: receives the result.
        arguments: None uses those of the process.
    """
    given = _parser(module, documentation).parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        adopt_storage()
        result = run(given.config, given.set)
    except ConfigError as error:
        count = len(error.faults)
        _complain(f"{given.config} has {count} fault{'s' if count != 1 else ''}:\n" + _indented(error))
        return 2
    except (InfeasibleError, RefusedError, DatasetUnavailableError, ModelUnavailableError, SelectionError) as error:
        _complain(f"refused:\n{_indented(error)}")
        return 2
    except (EngineError, ClusterError) as error:
        _complain(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    log.info("%s", json.dumps(result, indent=1))
    return 0


def _parser(module: str, documentation: str) -> argparse.ArgumentParser:
    summary, _, details = documentation.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"{summary}\n\n{details}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", required=True, metavar="FILE|s3://...", help="the config, YAML or JSON")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="override a config value, such as training.max_steps=50; repeatable",
    )
    return parser


def _complain(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def _indented(error: Exception) -> str:
    return "\n".join(f"  {line}" for line in str(error).splitlines())
