"""The API's application on uvicorn alone, in a process of its own: what Ray Serve is held against."""

from __future__ import annotations

import argparse

import uvicorn
from fastapi import FastAPI

from cluster.storage.settings import S3Settings
from services.api.app import create_app
from services.settings import load_settings


def app() -> FastAPI:
    """The application, in each worker."""
    return create_app(load_settings(s3=S3Settings.from_environment()))


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        "tests.benchmarks.api_peer:app",
        factory=True,
        port=arguments.port,
        workers=arguments.workers,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=65,
        backlog=2048,
    )


if __name__ == "__main__":
    main()
