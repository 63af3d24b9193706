"""Calls about projects and adapters."""

from __future__ import annotations

from typing import Any

from services.client.answers import Adapter, AdapterVersion, Project
from services.client.connection import Connection, given


class ProjectCalls(Connection):
    """What one keeps together, and what came of it."""

    def projects(self) -> list[Project]:
        """The user's projects."""
        return [self._answer(Project, item) for item in self._items("/projects")]

    def create_project(self, name: str, *, description: str = "") -> Project:
        """Make a project."""
        body = {"name": name, "description": description}
        return self._answer(Project, self._call("POST", "/projects", body=body, creates=True))

    def adapters(self, *, project_id: str | None = None) -> list[Adapter]:
        """The user's adapters."""
        return [self._answer(Adapter, item) for item in self._items("/adapters", given(project_id=project_id))]

    def create_adapter(self, name: str, *, description: str = "", project_id: str | None = None) -> Adapter:
        """Name an adapter."""
        body = {"name": name, "description": description} | given(project_id=project_id)
        return self._answer(Adapter, self._call("POST", "/adapters", body=body, creates=True))

    def add_adapter_version(self, adapter_id: str, job_id: str, *, notes: str = "") -> AdapterVersion:
        """Make what a job trained the newest version of an adapter."""
        body = {"job_id": job_id, "notes": notes}
        path = f"/adapters/{adapter_id}/versions"
        return self._answer(AdapterVersion, self._call("POST", path, body=body, creates=True))

    def adapter_versions(self, adapter_id: str) -> list[AdapterVersion]:
        """The versions of an adapter, newest first."""
        return [self._answer(AdapterVersion, item) for item in self._items(f"/adapters/{adapter_id}/versions")]

    def compare_adapter_versions(self, adapter_id: str, a: int, b: int) -> list[dict[str, Any]]:
        """Every field in which two versions differ: `path`, `a`, `b`."""
        found = self._call("GET", f"/adapters/{adapter_id}/compare", params={"a": a, "b": b})
        differences: list[dict[str, Any]] = found["differences"]
        return differences

    def project(self, project_id: str) -> Project:
        """A project."""
        return self._answer(Project, self._call("GET", f"/projects/{project_id}"))

    def change_project(self, project_id: str, **changes: str) -> Project:
        """Change `name` or `description`."""
        return self._answer(Project, self._call("PATCH", f"/projects/{project_id}", body=changes))

    def delete_project(self, project_id: str) -> None:
        """Delete a project; what was in it stays."""
        self._call("DELETE", f"/projects/{project_id}")

    def adapter(self, adapter_id: str) -> Adapter:
        """An adapter."""
        return self._answer(Adapter, self._call("GET", f"/adapters/{adapter_id}"))

    def change_adapter(self, adapter_id: str, **changes: Any) -> Adapter:
        """Change `name`, `description` or `project_id`."""
        return self._answer(Adapter, self._call("PATCH", f"/adapters/{adapter_id}", body=changes))

    def delete_adapter(self, adapter_id: str) -> None:
        """Forget an adapter and its versions; the jobs that made them and their files stay."""
        self._call("DELETE", f"/adapters/{adapter_id}")

    def adapter_version(self, adapter_id: str, number: int) -> AdapterVersion:
        """A version, with what it was made of."""
        return self._answer(AdapterVersion, self._call("GET", f"/adapters/{adapter_id}/versions/{number}"))
