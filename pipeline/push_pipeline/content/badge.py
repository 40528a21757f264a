"""The badge of an app's icon: a number that a push sets, or our count, which it raises. Pure."""

import re
from typing import Final, NamedTuple

from push_pipeline.content.values import count_of

#: `+1`, as a push writes that it raises the count; at most by 999.
_RAISE: Final = re.compile(r"\+([1-9][0-9]{0,2})")

#: What stands for a count that is not known yet: as long as any that a header can set.
SOME_COUNT: Final = 999_999_999


class BadgeChange(NamedTuple):
    """What a push does to the badge of each device: sets it to a number, or raises it by one."""

    number: int
    raised: bool


def change_of(value: object) -> BadgeChange | None:
    """Read a badge header; None for what is none."""
    raising = _RAISE.fullmatch(value) if isinstance(value, str) else None
    if raising is not None:
        return BadgeChange(int(raising[1]), raised=True)
    number = count_of(value)
    return None if number is None else BadgeChange(number, raised=False)


def badge_of(value: object) -> int | None:
    """Read the number that is shown; one that is kept per device has some count in its place."""
    change = change_of(value)
    if change is None:
        return None
    return SOME_COUNT if change.raised else change.number
