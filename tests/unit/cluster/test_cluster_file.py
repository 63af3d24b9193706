"""`ray-cluster.yaml` is what Ray's cluster launcher takes."""

from __future__ import annotations

import warnings
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]


def test_the_cluster_file_is_valid() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the launcher, about itself
        from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(yaml.safe_load((ROOT / "ray-cluster.yaml").read_text(encoding="utf-8")))
    validate_config(config)
    (workers,) = config["worker_start_ray_commands"][-1:]
    assert "--labels-file" in workers
    assert all("RAY_AUTH_MODE" in config[f"{kind}_start_ray_commands"][-1] for kind in ("head", "worker"))
    assert all("cluster.ingress" in config[f"{kind}_start_ray_commands"][-1] for kind in ("head", "worker"))
