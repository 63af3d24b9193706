"""The `stop` object of a run: its presence asks the run to save a checkpoint and end."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Final

from engine.errors import StorageError
from engine.run.store import RunStore

STOP_KEY: Final = "stop"
_LOOK_S: Final = 1.0
_log = logging.getLogger(__name__)


class StopFlag:
    """Polls the flag about once a second in its own thread, so that the loop's check is free."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._raised = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stop-flag", daemon=True)

    def __call__(self) -> bool:
        """Whether the flag was seen."""
        return self._raised

    def __enter__(self) -> StopFlag:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=1.0)

    def _look(self) -> None:
        silent = False
        while not self._ended.is_set():
            try:
                self._raised = bool(self._store.list(STOP_KEY))
                silent = False
            except StorageError as error:
                if not silent:
                    _log.warning("cannot look for the stop flag: %s; training goes on", error)
                silent = True
            if self._raised:
                return
            self._ended.wait(_LOOK_S)
