"""A short way to the routes that are asked most, past the framework's.

The framework tries all routes in turn, and for each parameter it finds out anew what it is: for
a publish that is more work than all the rest. A short way reads the same parameters by the same
functions, written down one after the other, and calls the route's own function. Everything else
that is asked of these paths, and their description, is the framework's as before.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from push_pipeline.errors import PipelineError
from push_pipeline.gateway import errors
from push_pipeline.gateway.ways import Way, Ways

Answer = Callable[[Request], Awaitable[Response]]


class ShortWay:
    """Answer POST requests for some routes; `answers` are theirs by the routes' paths."""

    def __init__(
        self, app: ASGIApp, routes: Iterable[BaseRoute], answers: Mapping[str, Answer]
    ) -> None:
        self._app = app
        self._ways = Ways(routes, answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        way, named = self._find(scope)
        if way is None or way.answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = way.route  # in place: the access log reads it there
        scope["path_params"] = dict.fromkeys(way.route.param_convertors, named)
        request = _ShortRequest(scope, receive, send)
        try:
            response = await way.answer(request)
        except PipelineError as error:
            response = await errors.answer(request, error)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Way[Answer] | None, str]:
        """Return the way of a request, if there is one, and the last segment of its path."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return None, ""
        return self._ways.find(scope["path"])


class _KnownHeaders(Headers):
    """Headers that are found in one step; the first where one is there twice, as elsewhere.

    A short way asks for nine, most of which are not there, and the framework's are looked through
    for each.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._known: dict[bytes, bytes] = dict(reversed(self._list))

    def __getitem__(self, key: str) -> str:
        return self._known[key.lower().encode("latin-1")].decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._known

    def get(self, key: str, default: Any = None) -> Any:
        value = self._known.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class _ShortRequest(Request):
    """A request whose headers are those."""

    @property
    def headers(self) -> Headers:
        if not hasattr(self, "_headers"):
            self._headers = _KnownHeaders(self.scope)
        return self._headers


def as_json(shape: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """Build the answer that a route makes of a shape."""
    return Response(
        shape.model_dump_json(by_alias=True), media_type="application/json", headers=headers
    )
