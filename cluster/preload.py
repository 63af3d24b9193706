"""What a training worker imports, all at once and before it is needed."""

from __future__ import annotations

import gc
import importlib
import logging
import os
from typing import Final

from cluster import ready
from engine.threads import processors, wait_passively

MODULES: Final = ("ray.train", "engine.finetune")
_log = logging.getLogger(__name__)


def import_early() -> None:
    """Runs in a worker process before it takes work."""
    _announce()  # now: whoever takes it waits for less than for a new one
    os.environ.setdefault("OMP_NUM_THREADS", str(processors()))  # torch reads it when it is imported
    wait_passively()
    gc.disable()  # there is nothing to collect, and looking for it takes a second
    try:
        for name in MODULES:
            importlib.import_module(name)
    except (ImportError, AttributeError, OSError, RuntimeError, ValueError):
        # It would end the process; the worker meets it again, where it can be told.
        _log.exception("an early import failed")
    finally:
        gc.freeze()  # what has been imported stays; later collections need not look at it
        gc.enable()


def _announce() -> None:
    """A process that was started for no job yet can be taken by any."""
    import ray

    key, folder = os.environ.get(ready.KEY), ready.session_folder()
    if key and folder is not None and ray.get_runtime_context().get_job_id() == ray.JobID.nil().hex():
        ready.announce(folder, key)
