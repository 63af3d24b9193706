"""The application factory: `uvicorn` with `create_app(load_settings())`, or Ray Serve, which calls it in a replica."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from engine.run.code_version import package_version
from services.api import docs, object_relay, openapi, problems
from services.api.access_log import AccessLogMiddleware
from services.api.body_limit import BodyLimitMiddleware
from services.api.context import Services
from services.api.correlation import CorrelationMiddleware
from services.api.dependencies import access_of
from services.api.edge import EdgeMiddleware
from services.api.request_shape import check_request
from services.api.routers import (
    adapters,
    admin,
    auth,
    cluster,
    dataset_versions,
    datasets,
    estimates,
    health,
    job_curves,
    job_predictions,
    job_records,
    jobs,
    live,
    models,
    notification_settings,
    notifications,
    pipelines,
    projects,
    schemas,
    sweeps,
    usage,
    users,
)
from services.api.security_headers import SecurityHeadersMiddleware
from services.page import serving
from services.settings import Settings

API_PREFIX = "/api/v1"
# Routes are tried in order, so the most frequent ones come first. Nested routers would cost more.
_MODULES: Final = (
    jobs,
    job_records,
    job_curves,
    job_predictions,
    dataset_versions,
    datasets,
    notifications,
    users,
    auth,
    projects,
    pipelines,
    sweeps,
    adapters,
    models,
    estimates,
    notification_settings,
    live,
    cluster,
    schemas,
    admin,
    usage,
)


def create_app(settings: Settings) -> FastAPI:
    """Create the application from settings; connects to nothing before the first request."""
    return create_app_on(Services.of(settings))


def create_app_on(services: Services) -> FastAPI:
    """Create the application on existing connections, which it closes when it ends."""
    settings = services.settings
    app = FastAPI(
        title="Less Is More",
        version=package_version(),
        description="Fine-tune audio-text models on a Ray cluster: data sets, jobs, their progress and adapters.",
        openapi_url=None,  # services.api.openapi serves it
        docs_url=None,
        redoc_url=None,
        servers=[{"url": settings.public_url}] if settings.public_url else None,
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan,
    )
    app.state.services = services
    routers = [module.router for module in _MODULES]
    for router in routers:
        app.include_router(router, prefix=API_PREFIX, dependencies=[Depends(check_request)])
    app.include_router(health.router)
    problems.install(app)
    docs.install(app)
    object_relay.install(app)
    openapi.install(app, {_operation_id(route): access_of(route) for route in _routes_of(*routers, health.router)})
    if settings.page:
        serving.install(
            app, settings.page_folder, settings.s3.endpoint_url if settings.object_urls == "store" else None
        )
    app.add_middleware(BodyLimitMiddleware, settings=settings)
    app.add_middleware(EdgeMiddleware)
    app.add_middleware(AccessLogMiddleware)
    app.add_middleware(SecurityHeadersMiddleware)  # outside the edge, whose responses get them too
    app.add_middleware(CorrelationMiddleware)  # the last one added is the outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await app.state.services.close()


def _routes_of(*routers: APIRouter) -> Iterator[APIRoute]:
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def _operation_id(route: APIRoute) -> str:
    return route.name
