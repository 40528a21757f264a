"""One line and two metrics for each request: the route's template, never the path itself.

The path holds the API key, device ids and names of channels; headers hold user tokens.
"""

import logging
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from push_pipeline.metrics.counts import Count, Times

#: Of the logger.
NAME: Final = "push_pipeline.gateway.access"

logger = logging.getLogger(NAME)

_requests = Count(
    "push_pipeline_http_requests_total",
    "Requests by what was answered",
    ["method", "route", "status"],
)
_seconds = Times(
    "push_pipeline_http_request_seconds",
    "Time from a request's head to its answer's head",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    labels=["route"],
)

#: The label of whatever leads nowhere: paths that strangers invent must not become series.
_NO_ROUTE = "(none)"

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})


class AccessLog:
    """Log and count what the application answers. Stands between the paths and the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and log the head of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def log_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                _log(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, log_and_send)


def _log(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", _NO_ROUTE)
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    client = scope["client"][0] if scope.get("client") else "-"
    log_answer(client, method, route, status, seconds)


def log_answer(client: str, method: str, route: str, status: int, seconds: float) -> None:
    """Log and count an answer to a client's request, `seconds` after its head."""
    _requests.add(1, method, route, str(status))
    _seconds.add(seconds, route)
    logger.info(
        "%s %s %s %d %.1f ms",
        client,
        method,
        route,
        status,
        seconds * 1000,
        extra={"action": "http_request", "route": route, "status": status, "seconds": seconds},
    )
