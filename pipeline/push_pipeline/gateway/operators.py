"""What is for operators alone: by a port of its own, or with the key of the installation."""

import hmac

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from push_pipeline.errors import OperatorsOnly
from push_pipeline.gateway.errors import NO_SUCH_ROUTE, fault
from push_pipeline.settings import get_settings

#: What is there by the operators' port.
ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})

#: Whether a request came by the operators' port, in the ASGI scope.
_BY_THEIR_PORT = "push_pipeline.operators"


class OperatorPort:
    """Note which requests come by the operators' port, and answer nothing else there."""

    def __init__(self, app: ASGIApp, port: int | None) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it came by the wrong port."""
        server = scope.get("server")
        theirs = self._port is not None and server is not None and server[1] == self._port
        if scope["type"] == "http" and theirs and scope["path"] not in ROUTES:
            answer = fault(404, NO_SUCH_ROUTE, "This port is for operators.")
            await answer(scope, receive, send)
            return
        scope[_BY_THEIR_PORT] = theirs  # in place: the access log reads the route in this scope
        await self._app(scope, receive, send)


async def admit_operator(request: Request) -> None:
    """Let in who came by the operators' port, or has the key.

    Raises:
        OperatorsOnly: neither is so.
    """
    if request.scope[_BY_THEIR_PORT]:
        return
    key = get_settings().operator_key
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if key is None or kind.lower() != "bearer":
        raise OperatorsOnly
    if not hmac.compare_digest(shown.strip().encode(), key.get_secret_value().encode()):
        raise OperatorsOnly


Operators = Depends(admit_operator)
