"""What will fire when, on a calendar."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from fastapi import APIRouter
from starlette.responses import Response

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.console.rendering import page
from push_pipeline.console.visitor import Visiting
from push_pipeline.ledger.due_runs import list_upcoming
from push_pipeline.ledger.message_lists import SaidTo

router = APIRouter(prefix="/a/{app_id}/schedule")

#: Runs that are shown.
SHOWN = 500

#: Weeks of the calendar.
WEEKS = 5


@router.get("")
def schedule(visitor: Visiting) -> Response:
    """List the runs that have not begun, day by day."""
    with db.reading() as connection:
        upcoming = list_upcoming(connection, visitor.app_id, SHOWN)
    days = [(day, list(runs)) for day, runs in groupby(upcoming, lambda one: _day(one.due_at))]
    counts = Counter(_day(one.due_at) for one in upcoming)
    return page(
        "schedule.html",
        visitor,
        days=days,
        weeks=_weeks(_day(now_ms())),
        counts=counts,
        said_to={one.message_id: SaidTo.of(one.channel, one.delivery_options) for one in upcoming},
        today=_day(now_ms()),
        full=len(upcoming) == SHOWN,
    )


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def _weeks(today: date) -> list[list[date]]:
    monday = today - timedelta(days=today.weekday())
    return [[monday + timedelta(days=7 * week + day) for day in range(7)] for week in range(WEEKS)]
