"""Where the files of datasets are in the platform's bucket."""

from __future__ import annotations

import uuid


def upload_prefix(dataset_id: uuid.UUID) -> str:
    """Where a dataset's uploaded files are, in the platform's bucket."""
    return f"uploads/{dataset_id}"


def version_prefix(dataset_id: uuid.UUID, number: int) -> str:
    """Where a dataset version is, in the platform's bucket."""
    return f"datasets/{dataset_id}/v{number}"
