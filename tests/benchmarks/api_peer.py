"""The API's application on uvicorn alone, in a process of its own: what Ray Serve is held against."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from cluster.storage.settings import S3Settings
from services.api.app import create_app
from services.settings import Settings, load_settings


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    settings: Settings = load_settings(s3=S3Settings.from_environment())
    uvicorn.run(
        create_app(settings),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=65,
        backlog=2048,
    )


if __name__ == "__main__":
    sys.exit(main())
