"""The API as a Ray Serve application: one small ingress, whose replicas keep nothing that matters."""

from __future__ import annotations

import gc
import logging
import os
from typing import TYPE_CHECKING, Any, Final

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import ControllerOptions, HTTPOptions, ProxyLocation

from cluster import ingress
from cluster.haproxy import Door
from services.jobs.hub import start_hub, stop_hub
from services.jobs.submission import PROJECT_ROOT
from services.settings import Settings, load_settings

if TYPE_CHECKING:
    from ray.serve import Application
    from starlette.types import ASGIApp, Receive, Scope, Send

NAME: Final = "less-is-more"
DEPLOYMENT: Final = "api"
_HEAD: Final = "node:__internal_head__"
"""Ray's own mark of the head node, where the proxy is too."""
_REPLICA_VARIABLES: Final = {
    # Its handlers do not block: a request need not go to another thread and back.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    # "HAProxy counts the requests": the API does, by its own routes.
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "1",
}
"""For the API's replicas alone; other deployments may block."""
_REQUESTS_PER_REPLICA: Final = 1000  # event streams among them, which cost little while they wait
_log = logging.getLogger(__name__)


class Routeless:
    """The application, without the list of its routes: Serve would look for each request's route too, for figures."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        await self._app(scope, receive, send)


def _settle_garbage() -> None:
    """Leave what was imported out of every later look for garbage, and look less often: requests leave little behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _replicas(settings: Settings) -> int:
    return settings.api_replicas or min(2, os.cpu_count() or 1)


def build_app(settings: Settings, variables: dict[str, str] | None = None) -> Application:
    """The application on the settings. A replica takes about 210 MB: it imports neither torch nor transformers.

    Args:
        settings: of the services.
        variables: what `cluster.ingress.variables` has for Serve's processes.
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

    wrapped: Any = serve.ingress(build)  # without types of its own, as `deployment` below
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
            # Beside the proxy: where that listens on loopback, so do the replicas, and no other node reaches them.
            "resources": {_HEAD: 0.001},
            "runtime_env": {
                "env_vars": {"PYTHONPATH": str(PROJECT_ROOT), **_REPLICA_VARIABLES, **(variables or {})},
            },
        },
        # The API writes an access log of its own; Serve would make a line for each request, and only then drop it.
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    application: Application = deployment.bind()
    return application


def build_from_environment(_: dict[str, str]) -> Application:
    """For `serve run services.serve_app:build_from_environment`, with the settings in the environment."""
    settings = load_settings()
    start_hub(settings)
    return build_app(settings)


def deploy(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> str:
    """Start the hub and the API on the cluster that this process is connected to; the API's address."""
    start_hub(settings)
    return deploy_api(settings, host=host, port=port)


def deploy_api(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> str:
    """Start the API alone; its address.

    Serve's own proxy takes HAProxy's place where that does not start, and a warning says so.
    """
    variables = _start_serve(settings, host, port)
    serve.run(build_app(settings, variables), name=NAME, route_prefix="/")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _start_serve(settings: Settings, host: str, port: int) -> dict[str, str]:
    """Start Serve behind HAProxy where the cluster has it, else with its own proxy; the variables of its processes."""
    if _has_haproxy():
        door = Door(host, port, settings.connections_per_address, settings.trust_forwarded_for)
        variables = ingress.variables(door)
        try:
            # Only the door is where clients are; what is behind it, the replicas too, listens on loopback.
            _start(variables, "127.0.0.1", port)
        except (RayError, RuntimeError, TimeoutError) as error:
            _log.warning("%s", ingress.fell_back(error))
            serve.shutdown()
        else:
            return variables
    variables = ingress.variables(None)
    _start(variables, host, port)
    return variables


def _start(variables: dict[str, str], host: str, port: int) -> None:
    serve.start(
        proxy_location=ProxyLocation.HeadOnly,
        http_options=HTTPOptions(host=host, port=port, keep_alive_timeout_s=65),
        controller_options=ControllerOptions(runtime_env={"env_vars": variables}),
    )


def _has_haproxy() -> bool:
    """Whether the head node was started to run HAProxy: its environment says so."""
    ask: Any = ray.remote(num_cpus=0, resources={_HEAD: 0.001})(os.getenv)
    return ingress.is_behind_haproxy({name: value for name in ingress.TELLING if (value := ray.get(ask.remote(name)))})


def undeploy() -> None:
    """End the API and the hub. Drivers that run go on; a platform that is started later takes them over."""
    serve.shutdown()
    stop_hub()
