"""Which of the routes are asked most, found without the framework's search."""

from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

Answer = TypeVar("Answer")


class Way(NamedTuple, Generic[Answer]):
    """A route, and what answers its requests; None where that is the framework."""

    route: APIRoute
    answer: Answer | None


class Ways(Generic[Answer]):
    """The routes for POST requests; `answers` are those of some by the routes' paths.

    A path without a parameter comes before one with a parameter, as it does in `routes`. The one
    parameter that a path of `answers` may have is its last segment.
    """

    def __init__(self, routes: Iterable[BaseRoute], answers: Mapping[str, Answer]) -> None:
        ways = {
            route.path: Way(route, answers.get(route.path))
            for route in routes
            if isinstance(route, APIRoute) and "POST" in (route.methods or ())
        }
        self._fixed = {path: way for path, way in ways.items() if "{" not in path}
        self._named = {path.rpartition("/")[0]: ways[path] for path in answers if "{" in path}

    def find(self, path: str) -> tuple[Way[Answer] | None, str]:
        """Return the way of a path, if there is one, and the path's last segment."""
        parent, _, name = path.rpartition("/")
        if path in self._fixed or not name:
            return self._fixed.get(path), name
        return self._named.get(parent), name
