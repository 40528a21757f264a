"""The part of an audience that is sent to first: where a page ends for it; pure."""

from bisect import bisect_right
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
    missing = None if canary is None or before >= canary else canary - before
    if missing is None or page.size < missing:
        return Cut(page, held=False)
    last = page.keys[missing - 1]
    whole = page.size == missing
    groups = [one._replace(keys=one.keys[: bisect_right(one.keys, last)]) for one in page.groups]
    held = not whole or page.cursor is not None
    cursor = page.cursor if whole else last
    return Cut(Page([one for one in groups if one.keys], cursor if held else None), held)
