"""The console's application: what every request passes, its errors as pages, its routes."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from push_pipeline.console.bounds import BoundedForms
from push_pipeline.console.guard import HEADERS, comes_from_here
from push_pipeline.console.live import Topics
from push_pipeline.console.pages import (
    audit,
    broadcast,
    channels,
    compose,
    devices,
    events,
    message,
    messages,
    schedule,
    sign_in,
    system,
    templates,
)
from push_pipeline.console.rendering import page
from push_pipeline.console.visitor import NotSignedIn
from push_pipeline.errors import PipelineError, RequestError
from push_pipeline.gateway.rate_limiter import RateLimiter

_PAGES = (
    sign_in,
    messages,
    message,
    compose,
    devices,
    schedule,
    templates,
    channels,
    broadcast,
    system,
    audit,
    events,
)

_ROUTING: Mapping[int, str] = {
    HTTPStatus.REQUEST_TIMEOUT: "The form did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The form is too long.",
}

#: Seconds that a browser keeps a file of ours; its address changes with the release.
_STATIC_AGE = 31_536_000


def create_console(examine: system.Examine) -> FastAPI:
    """Build the console; `examine` is what `doctor` looks at."""
    console = FastAPI(openapi_url=None, redirect_slashes=False)
    console.state.topics = Topics()
    console.state.failures = RateLimiter()
    console.state.examine = examine
    console.add_middleware(BoundedForms)  # behind the guard, which dresses its answers too
    console.middleware("http")(_guard)
    console.add_exception_handler(NotSignedIn, _sign_in_first)
    console.add_exception_handler(PipelineError, _say)
    console.add_exception_handler(RequestValidationError, _say_malformed)
    console.add_exception_handler(HTTPException, _say_routing)
    for module in _PAGES:
        console.include_router(module.router)
    static = StaticFiles(directory=str(files("push_pipeline.console") / "static"))
    console.mount("/static", static, name="static")
    return console


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if comes_from_here(request.method, request.headers, origin):
        answer = await go_on(request)
    else:
        answer = page(
            "error.html", status=403, says="This was sent by a page of another site.", back="/"
        )
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if "/static/" in request.url.path and answer.status_code == HTTPStatus.OK:
        answer.headers["Cache-Control"] = f"public, max-age={_STATIC_AGE}, immutable"
    return answer


async def _sign_in_first(request: Request, _: Exception) -> Response:
    if request.headers.get("hx-request") or request.url.path.endswith("/events"):
        return Response(status_code=401, headers={"HX-Redirect": "/console/sign-in"})
    return RedirectResponse("/console/sign-in", status_code=303)


async def _say(request: Request, error: Exception) -> Response:
    known = isinstance(error, RequestError)
    status = error.http_status if isinstance(error, RequestError) else 503
    says = str(error) if known else "The database or the broker is away; try again in a moment."
    return _error(request, status, says)


async def _say_malformed(request: Request, _: Exception) -> Response:
    return _error(request, 400, "A field has a value that is not allowed.")


async def _say_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    says = _ROUTING.get(error.status_code, "There is no such page.")
    answer = _error(request, error.status_code, says)
    answer.headers.update(error.headers or {})
    return answer


def _error(request: Request, status: int, says: str) -> Response:
    template = "problem.html" if request.headers.get("hx-request") else "error.html"
    return page(template, status=status, says=says, back="/console/")
