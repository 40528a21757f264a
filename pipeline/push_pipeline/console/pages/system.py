"""The installation: doctor's lines, routes, queues, beat, keys and people."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from push_pipeline import db, queues
from push_pipeline.clock import now_ms
from push_pipeline.console.rendering import fragment, page
from push_pipeline.console.roles import Role, role_in
from push_pipeline.console.visitor import Visiting, Visitor
from push_pipeline.directory.apps import list_keys
from push_pipeline.directory.console_users import Person, list_people
from push_pipeline.directory.heartbeat import last_beat
from push_pipeline.directory.provider_routes import list_routes, why_closed
from push_pipeline.errors import SetupError
from push_pipeline.ledger.due_batches import count_open_batches, oldest_due
from push_pipeline.ledger.readings import Minute, list_readings

router = APIRouter(prefix="/a/{app_id}/system")


class Finding(Protocol):
    """A line of doctor's."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def ok(self) -> bool:
        """Whether it is well."""

    @property
    def says(self) -> str:
        """What was found, and what helps."""


Examine = Callable[[], Iterable[Finding]]


@router.get("")
def system(visitor: Visiting) -> Response:
    """Show the installation."""
    with db.reading() as connection:
        keys = [one for one in list_keys(connection) if one.app_id == visitor.app_id]
        people = _people(visitor, list_people(connection))
        minutes = list_readings(connection)
    return page(
        "system.html",
        visitor,
        keys=keys,
        people=people,
        pulse=pulse(visitor.app_id),
        course=orjson.dumps(_series(minutes)).decode(),
    )


@router.get("/doctor")
def doctor(visitor: Visiting, request: Request) -> Response:
    """Show what doctor finds; it asks workers and broker, which takes seconds.

    It tells of every app, and so only those who may look at every app.
    """
    if not visitor.everywhere:
        return page("problem.html", says="Doctor looks at every app: ask who may see them all.")
    examine: Examine = request.app.state.examine
    return page("doctor.html", findings=list(examine()))


def _people(visitor: Visitor, everybody: Sequence[Person]) -> list[tuple[str, str]]:
    """Return who has which role in the visitor's app, for its admins."""
    if visitor.role < Role.ADMIN:
        return []
    roles = ((one.name, role_in(one.roles, visitor.app_id)) for one in everybody)
    return [(name, role.name.lower()) for name, role in roles if role is not None]


def pulse(app_id: str) -> str:
    """Render what moves: queues, the longest wait, routes, beat."""
    now = now_ms()
    with db.reading() as connection:
        routes = list_routes(connection, app_id)
        open_batches = count_open_batches(connection)
        oldest = oldest_due(connection, now)
        ticked = last_beat(connection, "tick")
    return fragment(
        "pulse.html",
        routes=[(route, why_closed(route) or "open") for route in routes],
        open_batches=open_batches,
        waits=max(0, now - oldest) // 1000 if oldest is not None else 0,
        ticked=None if ticked is None else (now - ticked) // 1000,
        queues=_lengths(),
    )


def _series(minutes: Sequence[Minute]) -> dict[str, Any]:
    """Return the columns of the day's chart."""
    columns = [
        [one.at / 1000 for one in minutes],
        [one.settled for one in minutes],
        [one.oldest_wait_ms / 1000 for one in minutes],
    ]
    return {"names": ["devices a minute", "longest wait (s)"], "data": columns}


def _lengths() -> list[tuple[str, int]] | None:
    try:
        return [(queue, queues.backlog(queue)) for queue in queues.QUEUES]
    except SetupError:
        return None
