"""The part of an audience that is sent to first: where a page ends for it; pure."""

from typing import NamedTuple

from push_pipeline.audience import Page


class Cut(NamedTuple):
    """A page as far as it is written now; `held` where the run waits behind it for a look."""

    page: Page
    held: bool


def cut(page: Page, canary: int | None, before: int) -> Cut:
    """End a page where a canary of so many devices ends; `before` of them were written already.

    One that is all of the audience waits for nothing.
    """
    if canary is None or before >= canary:
        return Cut(page, held=False)
    members = sorted(page.members)
    missing = canary - before
    if len(members) < missing:
        return Cut(page, held=False)
    last = members[missing - 1]
    rest = len(members) > missing or page.cursor is not None
    cursor = last.key if len(members) > missing else page.cursor
    return Cut(Page(members[:missing], cursor if rest else None), held=rest)
