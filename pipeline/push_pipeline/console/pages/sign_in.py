"""The door: a link from the command line, a password, and the way out."""

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from push_pipeline import db
from push_pipeline.console.guard import cookie_name
from push_pipeline.console.rendering import page
from push_pipeline.console.sign_in import by_link, by_password
from push_pipeline.console.visitor import Visiting
from push_pipeline.directory.console_users import SESSION_MS, close_session
from push_pipeline.errors import SignInFailed
from push_pipeline.gateway.clients import network_of

logger = logging.getLogger(__name__)

REFUSED = {"action": "sign_in_refused"}

router = APIRouter()


@router.get("/")
async def home(visitor: Visiting) -> Response:
    """Go to the messages of the first app."""
    return RedirectResponse(f"/console/a/{visitor.app_id}/messages", status_code=303)


@router.get("/sign-in")
async def door(token: str = "") -> Response:
    """Ask who it is. A link is used by its button: what only looks at links uses none up."""
    return page("sign_in.html", token=token, says=None)


@router.post("/sign-in")
async def enter(
    request: Request,
    token: Annotated[str, Form(max_length=200)] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    """Sign in."""
    failures = request.app.state.failures
    client = request.client.host if request.client else ""
    origins = (network_of(client), f"name:{name}")
    await failures.slow_down(origins)
    try:
        if token:
            session = await run_in_threadpool(by_link, token)
        else:
            session = await run_in_threadpool(by_password, name, password)
    except SignInFailed as refused:
        logger.warning("a sign-in was refused: %s", network_of(client), extra=REFUSED)
        failures.count(origins)
        return page("sign_in.html", status=401, token="", says=str(refused))
    answer = RedirectResponse("/console/", status_code=303)
    answer.set_cookie(
        cookie_name(request.url.scheme),
        session,
        max_age=SESSION_MS // 1000,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    return answer


@router.post("/sign-out")
async def leave(request: Request) -> Response:
    """Sign out, also at the server."""
    name = cookie_name(request.url.scheme)
    await run_in_threadpool(_close, request.cookies.get(name, ""))
    answer = RedirectResponse("/console/sign-in", status_code=303)
    answer.delete_cookie(name)
    return answer


def _close(token: str) -> None:
    with db.writing() as connection:
        close_session(connection, token)
