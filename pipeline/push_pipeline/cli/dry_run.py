"""Who would get a message: everything that publish checks, and the audience, read only."""

from collections import Counter
from typing import Any

from push_pipeline import db
from push_pipeline.audience import Selection, read_page
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import resolve_app
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.publishing.draft import draft_message

#: Subscriptions read at once.
PAGE = 10_000


def count_audience(
    channel: str | None, message: Any, said: PublishOptions, to: DeliveryOptions, *, app: str | None
) -> dict[str, int]:
    """Check a message as publish does, and count by platform who would get it now.

    Raises:
        RequestError: as publish does.
    """
    now = now_ms()
    draft_message(channel, message, said, to, now=now)
    counts: Counter[str] = Counter()
    if to.reaches_nobody:
        return {}
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        platforms = tuple(platform.value for platform in to.platforms)
        selection = Selection(
            app_id, channel, platforms, to.device_ids, to.segment_query, None, to.user_ids
        )
        cursor: int | None = 0
        while cursor is not None:
            page = read_page(connection, selection, cursor, PAGE, now)
            counts.update(member.platform for member in page.members)
            cursor = page.cursor
    return dict(sorted(counts.items()))
