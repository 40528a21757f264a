"""The application: paths, log, cross-origin rules and routes put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from pipeline.directory.arrivals import Arrival
from pipeline.gateway import (
    errors,
    routes_channels,
    routes_console,
    routes_console_audience,
    routes_health,
    routes_info,
    routes_messaging,
    routes_registrations,
    routes_templates,
    routes_users,
)
from pipeline.gateway.access_log import AccessLog
from pipeline.gateway.auth import Gatekeeper
from pipeline.gateway.paths import Addressing
from pipeline.gateway.routes_registrations import register_together
from pipeline.gateway.together import Together
from pipeline.gateway.waker import waking_behind
from pipeline.gateway.wire import Fault
from pipeline.publisher import write_all
from pipeline.settings import get_settings

#: Requests that are worked on at once, each in a thread. Fewer than the database pool has
#: connections, so that none waits for one; more would only fight for the interpreter.
THREADS = 8

#: Seconds that a browser may remember what it may ask.
PREFLIGHT_SECONDS = 86_400

#: The more particular paths come first: `/messaging/{channel}` would fit them as well.
_ROUTES = (
    routes_health,
    routes_info,
    routes_console,
    routes_console_audience,
    routes_registrations,
    routes_channels,
    routes_templates,
    routes_messaging,
    routes_users,
)

_ERRORS = (400, 401, 404, 405, 413, 429, 500, 503)


def create_app() -> FastAPI:
    """Build the application; nothing is connected before the first request."""
    app = FastAPI(
        title="push-pipeline",
        version=version("push-pipeline"),
        description="Push notifications: publish, status, ledger, registrations.",
        redirect_slashes=False,  # an SDK takes a redirect for an error
        lifespan=_lifespan,
        responses={status: {"model": Fault, "description": "An error"} for status in _ERRORS},
        servers=_servers(),
        middleware=[
            Middleware(Addressing),
            Middleware(AccessLog),
            Middleware(
                CORSMiddleware,
                allow_origins=get_settings().cors_origins.split(),
                allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
                allow_headers=["*"],
                max_age=PREFLIGHT_SECONDS,
            ),
        ],
    )
    errors.install(app)
    for module in _ROUTES:
        app.include_router(module.router)
    app.state.gatekeeper = Gatekeeper()
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    with (
        waking_behind(),
        closing(Together(write_all)) as app.state.publishing,
        closing(Together(register_together, marks=Arrival.marks)) as app.state.registering,
    ):
        yield


def _servers() -> list[dict[str, Any]]:
    ids = {name: {"default": name} for name in ("appId", "apiKey")}
    return [
        {"url": "/api", "description": "the app of this domain, or the default app"},
        {"url": "/{appId}/{apiKey}", "description": "any app", "variables": ids},
    ]
