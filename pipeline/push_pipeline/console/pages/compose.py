"""A push is written here: looked at as it is typed, tried on own devices, confirmed, sent once."""

import secrets
from dataclasses import replace
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from push_pipeline import db
from push_pipeline.audience import count_members, select_for
from push_pipeline.clock import now_ms
from push_pipeline.console.composed import Composed
from push_pipeline.console.phone import Shown, phones
from push_pipeline.console.rendering import page
from push_pipeline.console.roles import Role
from push_pipeline.console.visitor import Visiting, Visitor
from push_pipeline.directory.apps import android_style, needs_sdk_copy
from push_pipeline.directory.provider_routes import apple_environments
from push_pipeline.errors import EmptyAudience, InvalidParameter, RequestError
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.foresight import foresee
from push_pipeline.publishing.write import write
from push_pipeline.push_type import PUSH_TYPES

router = APIRouter(prefix="/a/{app_id}/compose")

Form_ = Annotated[Composed, Form()]

#: Devices of a test send.
TEST_MAX = 20

#: Characters of a channel's name that the form takes.
CHANNEL_MAX = 200

#: What may be sent: Apple's push types go to the devices that registered as such, and to no others.
KINDS = [("", "notification"), *((name, f"{name} (Apple)") for name in PUSH_TYPES)]

#: Rows for texts in other languages that the form has.
LANGUAGES = 3


class Seen(NamedTuple):
    """What would become of what was typed."""

    devices: int
    shown: list[Shown]
    warnings: tuple[str, ...]


@router.get("")
def form(visitor: Visiting, channel: str = "") -> Response:
    """Show the form."""
    visitor.require(Role.PUBLISHER)
    return _form(visitor, Composed(channel=channel[:CHANNEL_MAX], once=secrets.token_urlsafe(16)))


@router.post("")
def change(visitor: Visiting, said: Form_) -> Response:
    """Show the form as it was filled in, to change something of it."""
    visitor.require(Role.PUBLISHER)
    return _form(visitor, said)


@router.post("/look")
def look(visitor: Visiting, said: Form_) -> Response:
    """Tell who would get it, and show how it would look; nothing is written."""
    visitor.require(Role.PUBLISHER)
    if said.is_blank:
        return page("look.html", seen=None, says="Write a text to see how it looks.")
    try:
        return page("look.html", seen=_look(visitor, said.draft(now_ms())), says=None)
    except RequestError as wrong:
        return page("look.html", seen=None, says=str(wrong))


@router.post("/test")
def try_out(
    visitor: Visiting, said: Form_, devices: Annotated[str, Form(max_length=2_000)] = ""
) -> Response:
    """Send it now to a few devices by their ids, and to nobody else."""
    visitor.require(Role.PUBLISHER)
    named = devices.replace(",", " ").split()
    if not named:
        raise EmptyAudience("name the devices of the test, such as your own")
    if len(named) > TEST_MAX:
        raise InvalidParameter(f"a test goes to {TEST_MAX} devices at most")
    alone = said.model_copy(
        update={
            "segment": "",
            "users": "",
            "at": "",
            "every": "",
            "until": "",
            "once": "",
            "canary": "",
        }
    )
    draft = alone.draft(now_ms())
    to = draft.to.model_copy(update={"push_singlecast": tuple(named)})
    receipt = write(replace(draft, to=to), app=visitor.app_id, session=None)
    visitor.note_alone("sent a test", receipt.message_id)
    return page("tested.html", visitor, message_id=receipt.message_id, devices=len(named))


@router.post("/review")
def review(visitor: Visiting, said: Form_) -> Response:
    """Say once more to how many it goes, before it goes; or what is wrong, in the form."""
    visitor.require(Role.PUBLISHER)
    try:
        draft = said.draft(now_ms())
        seen = _look(visitor, draft)
    except RequestError as wrong:
        return _form(visitor, said, wrong)
    return page("review.html", visitor, seen=seen, draft=draft, fields=said.fields())


@router.post("/send")
def send(visitor: Visiting, said: Form_) -> Response:
    """Publish it; the same form sent twice is one message."""
    visitor.require(Role.PUBLISHER)
    if not said.once:
        raise InvalidParameter("open the form anew")
    try:
        receipt = write(said.draft(now_ms()), app=visitor.app_id, session=None)
    except RequestError as wrong:
        return _form(visitor, said, wrong)
    if not receipt.replayed:
        visitor.note_alone("published", receipt.message_id)
    where = f"/console/a/{visitor.app_id}/messages/{receipt.message_id}"
    return RedirectResponse(where, status_code=303)


def _form(visitor: Visitor, said: Composed, wrong: RequestError | None = None) -> Response:
    with db.reading() as connection:
        broadcasts = bool(apple_environments(connection, visitor.app_id))
    pairs = [*said.pairs, *[("", "")] * (LANGUAGES - len(said.pairs))]
    return page(
        "compose.html",
        visitor,
        status=200 if wrong is None else wrong.http_status,
        said=said,
        pairs=pairs,
        kinds=KINDS,
        broadcasts=broadcasts,
        says=None if wrong is None else str(wrong),
    )


def _look(visitor: Visitor, draft: Draft) -> Seen:
    addressed = replace(draft, app_id=visitor.app_id)
    with db.reading() as connection:
        [foreseen] = foresee(connection, [addressed], draft.now)
        selection = select_for(visitor.app_id, draft.channel, draft.to)
        devices = count_members(connection, selection, draft.now)
        style = android_style(connection, visitor.app_id)
        copied = needs_sdk_copy(connection, visitor.app_id)
    shown = phones(addressed, style, sdk_copy=copied)
    return Seen(devices, shown, tuple(map(str, (*draft.warnings, *foreseen.warnings))))
