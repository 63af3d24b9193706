"""Settings and connections for request handlers: created once by the application factory, kept on the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from services.api.object_relay import ObjectRelay
from services.api.open_streams import OpenStreams
from services.api.shared_calls import SharedCalls
from services.api.streams import StreamSlots
from services.database.engine import Sessions, create_engine, create_sessions
from services.database.notify import CHANGES, EVENTS, NOTIFICATIONS, Listener
from services.jobs.cluster_view import ClusterView
from services.jobs.waiting import QueueView
from services.objects import Objects
from services.settings import Settings


@dataclass(frozen=True)
class Services:
    """Settings and connections of one application."""

    settings: Settings
    engine: AsyncEngine
    sessions: Sessions
    objects: Objects
    events: Listener
    """Wakes event streams."""
    notifications: Listener
    """Wakes streams of notifications."""
    changes: Listener
    """Wakes streams of all that changes."""
    open_streams: OpenStreams
    """Ends streams whose login or API key has ended."""
    streams: StreamSlots
    """Limits the number of open streams."""
    looks: SharedCalls[Any] = field(default_factory=SharedCalls)
    """Queries shared by event streams at the same position of the same job."""
    relay: ObjectRelay = field(kw_only=True)
    """Forwards pre-signed requests where HAProxy does not."""
    cluster: ClusterView | None = None
    """View of the cluster; unset without a cluster."""
    queue: QueueView = field(init=False)
    """Places of queued jobs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "queue", QueueView(self.settings, self.cluster))

    @classmethod
    def of(cls, settings: Settings, *, cluster: ClusterView | None = None, objects: Objects | None = None) -> Services:
        """Create connections from the settings; each connects on first use.

        Raises:
            StorageSettingsError: no S3 endpoint, and the embedded server was not started.
        """
        engine = create_engine(settings.database_url, pool_size=settings.database_pool)
        sessions = create_sessions(engine)
        objects = objects or Objects.of(settings.s3)
        return cls(
            settings=settings,
            engine=engine,
            objects=objects,
            relay=ObjectRelay(objects),
            sessions=sessions,
            open_streams=OpenStreams(sessions),
            streams=StreamSlots(settings.streams_per_user, settings.streams_per_address),
            events=Listener(settings.database_url, EVENTS),
            notifications=Listener(settings.database_url, NOTIFICATIONS),
            changes=Listener(settings.database_url, CHANGES),
            cluster=cluster,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.open_streams.close()
        await self.events.close()
        await self.notifications.close()
        await self.changes.close()
        await self.relay.close()
        await self.engine.dispose()


async def services_of(request: Request) -> Services:
    """The services of the request's application. Async because FastAPI would run a plain function in a thread."""
    return cast(Services, request.app.state.services)
