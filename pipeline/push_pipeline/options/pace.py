"""How fast a message goes out, where its publisher wants it slower than it could; pure."""

from typing import Final

from push_pipeline.errors import InvalidParameter

#: Devices a second. Slower than the first is a day for a thousand devices; say `over` for that.
LEAST_RATE: Final = 0.01
MOST_RATE: Final = 1_000_000.0


def read_rate(value: object) -> float:
    """Read devices a second: a number, or its text.

    Raises:
        InvalidParameter: it is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidParameter("rate is not a number of devices a second")
    try:
        rate = float(value)
    except (ValueError, OverflowError):
        raise InvalidParameter("rate is not a number of devices a second") from None
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise InvalidParameter(f"rate is not between {LEAST_RATE} and {MOST_RATE:,.0f} a second")
    return rate


def check_pace(rate: float | None, over: int, *, ttl: int, every: int) -> None:
    """Check a pace against the times that a message has. All but `rate` are seconds; 0 is unset.

    Raises:
        InvalidParameter: both ways to say it are used, or some would be sent to too late.
    """
    if rate is not None and over:
        raise InvalidParameter("rate and over exclude each other")
    if rate is not None and not ttl:
        raise InvalidParameter("rate needs a ttl: with 0 nothing may wait, say over instead")
    if ttl and over > ttl:
        raise InvalidParameter("over is longer than ttl: the last devices' push would be expired")
    if every and over > every:
        raise InvalidParameter("over is longer than repeatEvery")
