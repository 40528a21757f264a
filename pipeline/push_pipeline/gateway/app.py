"""The application: paths, log, cross-origin rules and routes put together."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from functools import partial
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from push_pipeline import tracing
from push_pipeline.devices.register import Arrival
from push_pipeline.gateway import errors
from push_pipeline.gateway.access_log import AccessLog
from push_pipeline.gateway.auth import Gatekeeper
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.console_mount import ConsoleMount
from push_pipeline.gateway.defects import Defects
from push_pipeline.gateway.description import RESPONSES, SERVERS, TAGS, describe
from push_pipeline.gateway.operators import OperatorPort
from push_pipeline.gateway.paths import Addressing
from push_pipeline.gateway.routes import (
    activities,
    broadcast_channels,
    browsers,
    channels,
    console,
    console_audience,
    console_devices,
    console_users,
    health,
    info,
    messaging,
    registration_rows,
    registrations,
    templates,
    users,
)
from push_pipeline.gateway.routes.health import Readings
from push_pipeline.gateway.routes.registrations import register_all
from push_pipeline.gateway.short_way import ShortWay
from push_pipeline.gateway.straight_way import STRAIGHT_WAY, Straight, StraightWay
from push_pipeline.gateway.waker import waking_behind
from push_pipeline.metrics import counts
from push_pipeline.publishing.write import write_all
from push_pipeline.settings import get_settings

#: Requests that are worked on at once, each in a thread. Fewer than the database pool has
#: connections, so that none waits for one; more would only fight for the interpreter.
THREADS = 8

#: Seconds that a browser may remember what it may ask.
PREFLIGHT_SECONDS = 86_400

#: FastAPI's own spans would tell of each request's path, which holds the API key.
_NO_TELEMETRY = dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False)

#: The more particular paths come first: `/messaging/{channel}` would fit them as well.
_ROUTES = (
    health,
    info,
    console,
    console_devices,
    console_users,
    console_audience,
    activities,
    browsers,
    registrations,
    registration_rows,
    channels,
    broadcast_channels,
    templates,
    messaging,
    users,
)

#: What is asked in thousands, and what answers it.
_SHORT = {
    "/messaging/{channel}": messaging.publish_shortly,
    "/messaging/registrations": registrations.register_shortly,
}


def _nothing() -> None:
    pass


def create_app(
    operator_port: int | None = None,
    console: ASGIApp | None = None,
    when_ready: Callable[[], object] = _nothing,
) -> FastAPI:
    """Build the application; nothing is connected before the first request.

    By `operator_port`, if it listens there too, only what operators ask is answered. `console`
    gets what is below `/console/`. `when_ready` is called at each start, when all is built.
    """
    app = FastAPIOffline(  # its pages load nothing from elsewhere
        redoc_url=None,
        title="push-pipeline",
        version=version("push-pipeline"),
        description=describe(),
        openapi_tags=TAGS,
        servers=SERVERS,
        responses=RESPONSES,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,  # an SDK takes a redirect for an error
        lifespan=partial(_lifespan, when_ready=when_ready, operator_port=operator_port),
        middleware=[
            Middleware(OperatorPort, port=operator_port),
            Middleware(ConsoleMount, console=console and AccessLog(Defects(console))),
            Middleware(Addressing),
            Middleware(AccessLog),
            *_cross_origin(get_settings().cors_origins.split()),
            Middleware(Defects),
            Middleware(ShortWay, routes=_all_routes(), answers=_SHORT),
        ],
    )
    errors.install(app)
    for module in _ROUTES:
        app.include_router(module.router)
    return app


def _all_routes() -> list[BaseRoute]:
    return [route for module in _ROUTES for route in module.router.routes]


def _cross_origin(origins: list[str]) -> list[Middleware]:
    """Let web pages of these origins ask; those of no other, which is what a browser does."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            max_age=PREFLIGHT_SECONDS,
        )
    ]


@asynccontextmanager
async def _lifespan(
    app: FastAPI, when_ready: Callable[[], object], operator_port: int | None
) -> AsyncIterator[Mapping[str, StraightWay]]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    _build_routes(app)
    counts.keep()
    app.state.gatekeeper = Gatekeeper()
    app.state.readings = Readings(health.FRESH_SECONDS)
    with (
        tracing.sending("push-pipeline-gateway"),
        waking_behind(),
        closing(Batcher(write_all)) as app.state.publishing,
        closing(Batcher(register_all, marks=Arrival.marks)) as app.state.registering,
    ):
        when_ready()
        yield _straight_way(app, operator_port)


def _straight_way(app: FastAPI, operator_port: int | None) -> dict[str, StraightWay]:
    """Return what the server is told of the straight way: nothing where publishes are traced."""
    if tracing.is_on():
        return {}
    answers = {
        "/messaging/{channel}": Straight(messaging.plan_publish, app.state.publishing),
        "/messaging/registrations": Straight(
            registrations.plan_registration, app.state.registering
        ),
    }
    gatekeeper = app.state.gatekeeper
    return {STRAIGHT_WAY: StraightWay(_all_routes(), answers, gatekeeper, operator_port)}


def _build_routes(app: FastAPI) -> None:
    """Have the routes built that FastAPI would build at the first request.

    It takes a second in which nobody else is answered: after a restart they all ask at once.
    """
    nowhere = {"type": "http", "method": "GET", "path": "/", "headers": []}
    for route in app.routes:
        route.matches(nowhere)
