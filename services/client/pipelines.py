"""Calls about pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.client.answers import Pipeline
from services.client.connection import Connection, given


class PipelineCalls(Connection):
    """All stages as one."""

    def create_pipeline(
        self,
        declaration: Mapping[str, Any],
        dataset_id: str,
        *,
        dataset_version: int | None = None,
        project_id: str | None = None,
    ) -> Pipeline:
        """Declare a pipeline on a dataset, ready or not; it begins at once.

        `declaration` is what a file of configs/pipelines holds: `name`, `model_id`, `config`, `resources`, `stages`.
        """
        body = {**declaration, "dataset_id": dataset_id}
        body |= given(project_id=project_id, dataset_version=dataset_version)
        return self._answer(Pipeline, self._call("POST", "/pipelines", body=body, creates=True))

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """A pipeline, as it stands."""
        return self._answer(Pipeline, self._call("GET", f"/pipelines/{pipeline_id}"))

    def pipelines(self, status: str | None = None) -> list[Pipeline]:
        """The user's pipelines, newest first."""
        return [self._answer(Pipeline, item) for item in self._items("/pipelines", given(status=status))]

    def stop_pipeline(self, pipeline_id: str) -> Pipeline:
        """Stop a pipeline and its jobs."""
        return self._answer(Pipeline, self._call("POST", f"/pipelines/{pipeline_id}/stop"))

    def resume_pipeline(self, pipeline_id: str) -> Pipeline:
        """Let a stopped or failed pipeline go on where it was."""
        return self._answer(Pipeline, self._call("POST", f"/pipelines/{pipeline_id}/resume"))
