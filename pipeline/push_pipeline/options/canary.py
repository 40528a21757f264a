"""A message that goes to a part of its audience first, and waits there for a look; pure."""

from typing import Final

from push_pipeline.errors import InvalidParameter

#: Percent. More than half at once is no canary.
LEAST: Final = 0.01
MOST: Final = 50.0

#: Percent of rejections beyond which a canary is said to have failed.
TOO_MANY_REJECTED: Final = 5.0


def read_canary(value: object) -> float:
    """Read a percentage: a number, or its text.

    Raises:
        InvalidParameter: it is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidParameter("canary is not a percentage")
    try:
        percent = float(value)
    except (ValueError, OverflowError):
        raise InvalidParameter("canary is not a percentage") from None
    if not LEAST <= percent <= MOST:
        raise InvalidParameter(f"canary is not between {LEAST} and {MOST:.0f} percent")
    return percent


def check_canary(canary: float | None, *, repeats: bool, local: bool) -> None:
    """Check it against the times that a message has.

    Raises:
        InvalidParameter: each of many runs would wait for a look.
    """
    if canary is not None and (repeats or local):
        raise InvalidParameter("canary excludes a repeat and local time: each run would wait")


def devices_of(canary: float, audience: int) -> int:
    """Return how many devices a canary is."""
    return max(1, int(audience * canary / 100))


def verdict(sent_to: int, accepted: int, rejected: int) -> str:
    """Say how a canary went, and what is to be done."""
    share = 100 * rejected / sent_to if sent_to else 0.0
    went = f"the canary is out: {accepted:,} of {sent_to:,} accepted, {rejected:,} rejected"
    if share > TOO_MANY_REJECTED:
        return f"{went}, more than {TOO_MANY_REJECTED:.0f} %: look why, then cancel or resume it"
    return f"{went}: resume it for all others, or cancel it"
