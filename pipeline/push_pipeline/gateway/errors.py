"""Every error in the API's shape, whoever raised it: `{"code", "message", "errorData"}`.

An SDK shows the `message` and branches on the `code`; a framework's own body would reach the
user instead. HTTP 502 is never used: the JavaScript SDK replaces its body.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from push_pipeline.errors import (
    BodyLate,
    InvalidParameter,
    OperatorsOnly,
    PipelineError,
    RequestError,
    TooManyAttempts,
    TooManyPublishes,
    UnreadableEncoding,
)

logger = logging.getLogger(__name__)

#: The API's code for a request that leads nowhere.
NO_SUCH_ROUTE = 8002

#: The API's code for what has no other.
INTERNAL = 8011

#: What an answer says in its head. A minute after the first of many wrong keys they are answered
#: as such again; what is left of a late body would look like the next request.
_HEADERS: Mapping[type[Exception], Mapping[str, str]] = {
    TooManyAttempts: {"Retry-After": "60"},
    BodyLate: {"Connection": "close"},
    UnreadableEncoding: {"Accept-Encoding": "gzip"},
    OperatorsOnly: {"WWW-Authenticate": "Bearer"},
    TooManyPublishes: {"Retry-After": "1"},
}

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")


def install(app: FastAPI) -> None:
    """Let an application answer every error in the API's shape."""
    app.add_exception_handler(PipelineError, answer)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _routing)


def fault(
    http_status: int, code: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Build an error answer."""
    body = {"code": code, "message": message, "errorData": {}}
    return JSONResponse(body, http_status, headers)


async def answer(_: Request, error: Exception) -> JSONResponse:
    """Answer with one of our own errors."""
    assert isinstance(error, PipelineError)  # noqa: S101 - it is registered for no other
    return answer_of(error)


def answer_of(error: PipelineError) -> JSONResponse:
    """Build the answer that tells of one of our own errors."""
    if isinstance(error, RequestError):
        return fault(error.http_status, error.code, str(error), _HEADERS.get(type(error)))
    # What is wrong with the installation is for its operator: it may name hosts and users.
    logger.error("%s", error, extra={"action": "not_ready", "error": type(error).__name__})
    return fault(error.http_status, error.code, "The service is not ready, try again later.")


async def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for no other
    where = ".".join(map(str, error.errors()[0]["loc"][1:]))
    return fault(400, InvalidParameter.code, f"{where} has a value that is not allowed")


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return fault(error.status_code, NO_SUCH_ROUTE, f"{error.detail}.", error.headers)
    allowed = {"Allow": ", ".join([*_methods(request), "OPTIONS"])}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)
    return fault(error.status_code, NO_SUCH_ROUTE, f"{error.detail}.", allowed)


def _methods(request: Request) -> list[str]:
    """Return what may be done with a path; the framework tells of its first route only."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
