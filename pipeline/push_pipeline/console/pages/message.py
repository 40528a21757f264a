"""One message: its ledger as it moves, what its reasons mean, and the means to stop it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response, StreamingResponse

from push_pipeline import db
from push_pipeline.console.phone import Shown, phones
from push_pipeline.console.progress import UNKNOWN, Pace, pace
from push_pipeline.console.rendering import fragment, page
from push_pipeline.console.roles import Role
from push_pipeline.console.visitor import Visiting, Visitor
from push_pipeline.directory.apps import android_style, needs_sdk_copy
from push_pipeline.errors import InvalidParameter, RequestError, UnknownMessage
from push_pipeline.ledger.deliveries import export
from push_pipeline.ledger.message_lists import (
    SaidTo,
    Stored,
    count_by_message,
    find_stored,
    read_course,
)
from push_pipeline.ledger.state_machine import MessageState
from push_pipeline.ledger.status import find_receipt, read_ledger
from push_pipeline.options import DeliveryOptions
from push_pipeline.outcome import Settled
from push_pipeline.publishing import control
from push_pipeline.publishing.draft import Draft

router = APIRouter(prefix="/a/{app_id}/messages/{message_id}")

_VERBS = {"cancel": control.cancel, "pause": control.pause, "resume": control.resume}

#: States in which nothing of a message can be stopped any more.
ENDED = frozenset({MessageState.PUBLISHED, MessageState.FAILED, MessageState.CANCELLED})

#: Moments that a chart shows.
BINS = 120


@router.get("")
def message(visitor: Visiting, message_id: str) -> Response:
    """Show a message."""
    shown = Look(visitor.app_id, message_id).read()
    with db.reading() as connection:
        ended = find_receipt(connection, visitor.app_id, message_id).status in ENDED
        stored = find_stored(connection, visitor.app_id, message_id)
    return page(
        "message.html",
        visitor,
        message_id=message_id,
        ledger_html=shown,
        ended=ended,
        said_to=_said_to(stored),
    )


@router.post("/do")
def intervene(
    visitor: Visiting, message_id: str, verb: Annotated[str, Form(max_length=10)]
) -> Response:
    """Cancel, pause or resume it."""
    visitor.require(Role.PUBLISHER)
    if verb not in _VERBS:
        raise InvalidParameter("use cancel, pause or resume")
    _VERBS[verb](message_id, app=visitor.app_id)
    visitor.note_alone(verb, message_id)
    return RedirectResponse(f"/console/a/{visitor.app_id}/messages/{message_id}", status_code=303)


@router.post("/reveal")
def reveal(visitor: Visiting, message_id: str) -> Response:
    """Show what it says, as phones show it; that somebody asked is noted."""
    visitor.require(Role.PUBLISHER)
    with db.writing() as connection:
        visitor.note(connection, "read the text", message_id)
    return page("phones.html", shown=_shown(visitor, message_id), warnings=())


@router.get("/export.ndjson")
def exported(visitor: Visiting, message_id: str, only: str = "") -> Response:
    """Stream what became of each device, a line each; no token is in it."""
    visitor.require(Role.PUBLISHER)
    if only and only not in {str(one) for one in Settled}:
        raise InvalidParameter("only is an outcome")
    visitor.note_alone("exported", message_id)
    name = message_id.removeprefix("message:")
    return StreamingResponse(
        _lines(visitor.app_id, message_id, only or None),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}.ndjson"'},
    )


def _lines(app_id: str, message_id: str, only: str | None) -> Iterator[bytes]:
    with db.reading() as connection:
        if read_ledger(connection, message_id, app_id)["status"] == MessageState.UNKNOWN:
            return
        db.be_patient(connection)
        for row in export(connection, message_id, only):
            yield orjson.dumps(row) + b"\n"


@dataclass
class Look:
    """What is told of a message, again and again: it knows the numbers of the time before."""

    app_id: str
    message_id: str
    _settled: int = 0
    _at: float | None = None
    _pace: Pace = field(default_factory=lambda: UNKNOWN)

    def read(self) -> str:
        """Render the ledger of this moment."""
        with db.reading() as connection:
            ledger = read_ledger(connection, self.message_id, self.app_id)
            if ledger["status"] == MessageState.UNKNOWN:
                raise UnknownMessage
            counts = count_by_message(connection, [self.message_id]).get(self.message_id)
            course = read_course(connection, self.message_id, BINS)
        self._keep(counts)
        return fragment(
            "ledger.html",
            app_id=self.app_id,
            ledger=ledger,
            counts=counts,
            pace=self._pace,
            course=orjson.dumps(_series(course)).decode(),
            course_rows=course,
        )

    def _keep(self, counts: dict[str, int] | None) -> None:
        if counts is None:
            return
        now, settled = time.monotonic(), counts["audience"] - counts["inFlight"]
        if not counts["inFlight"]:
            self._pace = UNKNOWN
        elif self._at is not None and settled > self._settled:
            self._pace = pace(self._settled, settled, now - self._at, counts["inFlight"])
        if self._at is None or settled > self._settled:
            self._settled, self._at = settled, now


def _series(course: list[tuple[int, str, int]]) -> dict[str, Any]:
    """Return the columns of a chart: seconds, and for each platform the devices settled by then."""
    platforms = sorted({platform for _, platform, _ in course})
    totals = dict.fromkeys(platforms, 0)
    moments: list[float] = []
    lines: dict[str, list[int]] = {platform: [] for platform in platforms}
    for at, platform, devices in course:
        totals[platform] += devices
        if moments and moments[-1] == at / 1000:
            lines[platform][-1] = totals[platform]
            continue
        moments.append(at / 1000)
        for name in platforms:
            lines[name].append(totals[name])
    return {"names": platforms, "data": [moments, *lines.values()]}


def _said_to(stored: Stored | None) -> SaidTo:
    if stored is None:
        raise UnknownMessage
    return SaidTo.of(stored.channel, DeliveryOptions.from_json(stored.delivery_options))


def _shown(visitor: Visitor, message_id: str) -> list[Shown]:
    with db.reading() as connection:
        stored = find_stored(connection, visitor.app_id, message_id)
        style = android_style(connection, visitor.app_id)
        copied = needs_sdk_copy(connection, visitor.app_id)
    if stored is None:
        raise UnknownMessage
    to = DeliveryOptions.from_json(stored.delivery_options)
    try:
        draft = Draft(stored.channel, stored.content, to, None, stored.created_at)
        return phones(draft, style, sdk_copy=copied)
    except RequestError:  # its options were for a time that has passed
        return []
