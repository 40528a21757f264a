"""The list of messages: the newest first, with bars that move."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.console.rendering import fragment, page
from push_pipeline.console.visitor import Visiting
from push_pipeline.directory.provider_routes import list_routes, why_closed
from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger.message_lists import Place, Wanted, list_newest
from push_pipeline.ledger.state_machine import MessageState

router = APIRouter(prefix="/a/{app_id}/messages")

_STATES = [str(state) for state in MessageState if state is not MessageState.UNKNOWN]


@router.get("")
def messages(
    visitor: Visiting,
    channel: str = "",
    state: str = "",
    day: str = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """List messages; what is asked for stands in the address, so that it can be kept."""
    wanted = Wanted(channel or None, state or None, *_day(day))
    with db.reading() as connection:
        listed, following = list_newest(connection, visitor.app_id, wanted, _place(after))
    return page(
        "messages.html",
        visitor,
        listed=listed,
        following=f"{following.created_at}.{following.id}" if following else None,
        asked={"channel": channel, "state": state, "day": day},
        states=_STATES,
        live=not (channel or state or day or after),
        troubles=_troubles(visitor.app_id),
    )


def newest(app_id: str) -> str:
    """Render the first page of the list, for those who look at it as it moves."""
    with db.reading() as connection:
        listed, _ = list_newest(connection, app_id, Wanted())
    return fragment("message_rows.html", listed=listed, app_id=app_id, troubles=_troubles(app_id))


def _troubles(app_id: str) -> list[str]:
    with db.reading() as connection:
        routes = list_routes(connection, app_id)
    return [
        f"{route['provider']} {route['environment']}".strip() + f" rests: {why}"
        for route in routes
        if (why := why_closed(route)) is not None
    ]


def _day(text: str) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    try:
        start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidParameter("day is a date such as 2026-11-29") from None
    at = int(start.timestamp()) * 1000
    return at, at + 86_400_000


def _place(text: str) -> Place | None:
    at, _, id_ = text.partition(".")
    return Place(int(at), id_) if at.isdecimal() else None
