"""The API as a Ray Serve application: one small ingress deployment with stateless replicas."""

from __future__ import annotations

import gc
import logging
import os
from typing import TYPE_CHECKING, Any, Final

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import ControllerOptions, HTTPOptions, ProxyLocation

from cluster import ingress, object_route
from cluster.haproxy import Door, problem_text
from services.jobs.hub import start_hub, stop_hub
from services.jobs.submission import PROJECT_ROOT
from services.settings import Settings, load_settings

if TYPE_CHECKING:
    from ray.serve import Application
    from starlette.types import ASGIApp, Receive, Scope, Send

NAME: Final = "less-is-more"
DEPLOYMENT: Final = "api"
_HEAD: Final = "node:__internal_head__"
"""Custom resource with which Ray marks the head node, where the proxy also runs."""
_REPLICA_VARIABLES: Final = {
    # The handlers do not block, so requests need no second thread.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    # Replicas then leave request metrics to HAProxy; the API counts requests itself, by its own routes.
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "1",
}
"""For the API's replicas only; other deployments may block."""
_REQUESTS_PER_REPLICA: Final = 1000  # includes event streams, which are cheap while idle
_log = logging.getLogger(__name__)


class Routeless:
    """Hides the application's routes from Serve, which would match every request a second time for its metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the call to the application."""
        await self._app(scope, receive, send)


def _settle_garbage() -> None:
    """Freeze imported objects and run the garbage collector less often: requests leave little garbage behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _replicas(settings: Settings) -> int:
    return settings.api_replicas or min(2, os.cpu_count() or 1)


def build_app(settings: Settings, variables: dict[str, str] | None = None) -> Application:
    """Build the Serve application. A replica takes about 210 MB: it imports neither torch nor transformers.

    Args:
        settings: settings of the services.
        variables: environment of Serve's processes, from `cluster.ingress.variables`.
    """

    def build() -> Routeless:
        """Runs in each replica."""
        from services.api.app import create_app_on
        from services.api.context import Services
        from services.api.peer import PeerMiddleware
        from services.jobs.cluster_view import RayView
        from services.observability import metrics
        from services.observability.logs import configure

        configure(settings.log_format)
        metrics.enable()
        app = create_app_on(Services.of(settings, cluster=RayView()))
        if ingress.is_behind_haproxy():
            app.add_middleware(PeerMiddleware, key=ingress.door_key())
        _settle_garbage()
        return Routeless(app)

    wrapped: Any = serve.ingress(build)  # untyped, like `deployment` below
    deployment: Any = serve.deployment(
        wrapped(),
        name=DEPLOYMENT,
        num_replicas=_replicas(settings),
        max_ongoing_requests=_REQUESTS_PER_REPLICA,
        health_check_period_s=5,
        health_check_timeout_s=10,
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=5,
        ray_actor_options={
            # No CPUs: the API waits for the database most of the time, and a small machine needs its cores to train.
            "num_cpus": 0,
            # On the proxy's node: if the proxy listens on loopback, so do the replicas, and no other node reaches them.
            "resources": {_HEAD: 0.001},
            "runtime_env": {
                "env_vars": {"PYTHONPATH": str(PROJECT_ROOT), **_REPLICA_VARIABLES, **(variables or {})},
            },
        },
        # The API writes its own access log; Serve would format a line for each request and then drop it.
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    application: Application = deployment.bind()
    return application


def build_from_environment(_: dict[str, str]) -> Application:
    """For `serve run services.serve_app:build_from_environment`: reads the environment and starts the hub."""
    settings = load_settings()
    start_hub(settings)
    return build_app(settings)


def deploy(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> str:
    """Start the hub and the API on the cluster that this process is connected to; return the API's address."""
    start_hub(settings)
    return deploy_api(settings, host=host, port=port)


def deploy_api(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> str:
    """Start only the API; return its address.

    If HAProxy does not start, Serve's own proxy replaces it, and a warning is logged.
    """
    variables = _start_serve(settings, host, port)
    serve.run(build_app(settings, variables), name=NAME, route_prefix="/")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _start_serve(settings: Settings, host: str, port: int) -> dict[str, str]:
    """Start Serve behind HAProxy if the cluster has it, else with its own proxy; return its processes' environment."""
    if _has_haproxy():
        door = Door(
            host,
            port,
            connections_per_address=settings.connections_per_address,
            requests_per_address=settings.requests_per_address,
            requests_per_login=settings.requests_per_login,
            streams_per_address=settings.streams_per_address,
            streams_per_login=settings.streams_per_user,
            proxies=settings.trust_forwarded_for,
            objects=_object_route(settings),
        )
        variables = ingress.variables(door)
        try:
            # Only HAProxy's frontend faces clients; everything behind it, replicas included, listens on loopback.
            _start(variables, "127.0.0.1", port)
        except (RayError, RuntimeError, TimeoutError) as error:
            _log.warning("%s", ingress.fell_back(error))
            serve.shutdown()
        else:
            return variables
    variables = ingress.variables(None)
    _start(variables, host, port)
    return variables


def _object_route(settings: Settings) -> str:
    """HAProxy's part in pre-signed requests; empty: the API forwards them, or they go straight to the store."""
    if settings.object_urls == "store":
        return ""
    refusal = problem_text(403, object_route.NOT_SIGNED, object_route.NOT_SIGNED_DETAIL)
    return object_route.haproxy_backend(settings.s3, refusal)


def _start(variables: dict[str, str], host: str, port: int) -> None:
    serve.start(
        proxy_location=ProxyLocation.HeadOnly,
        http_options=HTTPOptions(host=host, port=port, keep_alive_timeout_s=65),
        controller_options=ControllerOptions(runtime_env={"env_vars": variables}),
    )


def _has_haproxy() -> bool:
    """Whether the head node's environment says that it runs HAProxy."""
    ask: Any = ray.remote(num_cpus=0, resources={_HEAD: 0.001})(os.getenv)
    return ingress.is_behind_haproxy({name: value for name in ingress.TELLING if (value := ray.get(ask.remote(name)))})


def undeploy() -> None:
    """Stop the API and the hub. Running drivers continue; a platform that starts later takes them over."""
    serve.shutdown()
    stop_hub()
