"""Who would get a message that was checked: its audience, read only."""

from collections import Counter
from dataclasses import replace

from push_pipeline import db
from push_pipeline.audience import Selection, read_page
from push_pipeline.directory.apps import resolve_app
from push_pipeline.options import EVERY_CHANNEL
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.foresight import Foresight, foresee

#: Subscriptions read at once.
PAGE = 10_000


def count_audience(draft: Draft, *, app: str | None) -> tuple[dict[str, int], Foresight]:
    """Count by platform who would get a draft now, and say what is known of it beforehand.

    Raises:
        StrictRefusal: it is strict, and has warnings.
    """
    with db.reading() as connection:
        addressed = replace(draft, app_id=resolve_app(connection, app))
        [foreseen] = foresee(connection, [addressed])
        return _count(connection, addressed), foreseen


def _count(connection: db.Connection, draft: Draft) -> dict[str, int]:
    to = draft.to
    channel = None if draft.channel == EVERY_CHANNEL else draft.channel
    counts: Counter[str] = Counter()
    if to.reaches_nobody:
        return {}
    platforms = tuple(platform.value for platform in to.platforms)
    selection = Selection(
        draft.app_id, channel, platforms, to.device_ids, to.segment_query, None, to.user_ids
    )
    cursor: int | None = 0
    while cursor is not None:
        page = read_page(connection, selection, cursor, PAGE, draft.now)
        counts.update(member.platform for member in page.members)
        cursor = page.cursor
    return dict(sorted(counts.items()))
