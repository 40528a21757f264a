"""A push to a broadcast channel of Apple's: written, looked at, confirmed, sent once."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.console.phone import Shown, phones
from push_pipeline.console.rendering import page
from push_pipeline.console.roles import Role
from push_pipeline.console.told import Told
from push_pipeline.console.visitor import Visiting, Visitor
from push_pipeline.directory import broadcast_channels as rows
from push_pipeline.errors import InvalidParameter, RequestError
from push_pipeline.publishing.broadcasts import draft_broadcast, publish_broadcast

router = APIRouter(prefix="/a/{app_id}/broadcast")

Form_ = Annotated[Told, Form()]


@router.get("")
def form(visitor: Visiting, name: str = "", environment: str = "") -> Response:
    """Show the form for a channel."""
    visitor.require(Role.PUBLISHER)
    with db.reading() as connection:
        rows.find(connection, visitor.app_id, environment, name)
    once = secrets.token_urlsafe(16)
    return _form(visitor, Told(name=name, environment=environment, once=once))


@router.post("")
def change(visitor: Visiting, told: Form_) -> Response:
    """Show the form as it was filled in, to change something of it."""
    visitor.require(Role.PUBLISHER)
    return _form(visitor, told)


@router.post("/look")
def look(visitor: Visiting, told: Form_) -> Response:
    """Show what activities would be told; nothing is written."""
    visitor.require(Role.PUBLISHER)
    try:
        shown, says = _look(visitor, told), None
    except RequestError as wrong:
        shown, says = [], str(wrong)
    return page("look_broadcast.html", shown=shown, says=says)


@router.post("/review")
def review(visitor: Visiting, told: Form_) -> Response:
    """Say once more where it goes, before it goes; or what is wrong, in the form."""
    visitor.require(Role.PUBLISHER)
    try:
        shown = _look(visitor, told)
    except RequestError as wrong:
        return _form(visitor, told, wrong)
    return page("review_broadcast.html", visitor, shown=shown, told=told)


@router.post("/send")
def send(visitor: Visiting, told: Form_) -> Response:
    """Publish it; the same form sent twice is one request."""
    visitor.require(Role.PUBLISHER)
    if not told.once:
        raise InvalidParameter("open the form anew")
    try:
        receipt = publish_broadcast(
            told.said(),
            told.to(),
            ttl=told.ttl,
            environment=told.environment,
            app=visitor.app_id,
            dedupe_key=told.dedupe_key,
        )
    except RequestError as wrong:
        return _form(visitor, told, wrong)
    if not receipt.replayed:
        visitor.note_alone("published to a broadcast channel", receipt.message_id)
    where = f"/console/a/{visitor.app_id}/messages/{receipt.message_id}"
    return RedirectResponse(where, status_code=303)


def _form(visitor: Visitor, told: Told, wrong: RequestError | None = None) -> Response:
    return page(
        "broadcast.html",
        visitor,
        status=200 if wrong is None else wrong.http_status,
        told=told,
        says=None if wrong is None else str(wrong),
    )


def _look(visitor: Visitor, told: Told) -> list[Shown]:
    with db.reading() as connection:
        known = rows.find(connection, visitor.app_id, told.environment, told.name)
    draft = draft_broadcast(
        told.said(), known, told.to(), ttl=told.ttl, dedupe_key=None, now=now_ms()
    )
    return phones(draft, "", sdk_copy=False)
