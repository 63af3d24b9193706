"""What all stages of a pipeline declare."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from engine.config.base import Config, Name

MOST_STAGES: Final = 50
StageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class RetryPolicy(Config):
    """How a failed stage is retried. Permanent failures are not retried."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Attempts in total."""
    backoff_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """Seconds before the second attempt; doubled before each further one."""
    most_backoff_s: Annotated[float, Field(ge=0, le=86400)] = 600.0
    """Longest wait, in seconds."""

    def wait_s(self, tries: int) -> float:
        """Seconds to wait after this many attempts."""
        return float(min(self.backoff_s * 2.0 ** min(tries - 1, 60), self.most_backoff_s))


class StageFields(Config):
    """A stage, with the settings of its type."""

    name: StageName = ""
    """Name of the stage in the pipeline; unset: its type."""
    needs: Annotated[list[StageName], Field(max_length=MOST_STAGES)] | None = None
    """Stages that have to succeed first; unset: the one before it in the list."""
    retry: RetryPolicy = RetryPolicy()
    """Retries when it fails."""
    type: Name
    """Type of the stage."""

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_type(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("name") is None and isinstance(value.get("type"), str):
            return {**value, "name": value["type"]}
        return value
