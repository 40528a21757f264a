"""What is said of a broadcast channel of Apple's, and of one push to it; pure.

Rules of Apple: "Setting up broadcast push notifications", "Sending broadcast push notification
requests to APNs". What activities are told is checked as for a single one (`options.activity`).
"""

from collections.abc import Mapping
from typing import Final

from push_pipeline.errors import InvalidParameter, PayloadTooLarge
from push_pipeline.options.channel import check_channel_name

#: What Apple keeps for phones that are away, by our word, as its storage policy has it.
POLICIES: Final[Mapping[str, int]] = {"nothing": 0, "latest": 1}

#: Seconds that Apple keeps the latest push of a channel at the most.
KEPT_SECONDS: Final = 8 * 3600

#: Of an app in each environment.
CHANNELS_MAX: Final = 10_000

#: Bytes of the JSON.
PAYLOAD_BYTES: Final = 5120


def check_name(name: object) -> str:
    """Return the name of a broadcast channel in its normal form, as a channel's.

    Raises:
        InvalidChannelName: it is none.
    """
    return check_channel_name(name)


def read_stores(value: object) -> str:
    """Read what Apple is to keep: `nothing` or the `latest` push.

    Raises:
        InvalidParameter: it is neither.
    """
    if value in POLICIES:
        return str(value)
    raise InvalidParameter("stores is nothing or latest")


def read_event(value: object) -> str:
    """Return what happens to the activities: an update, or their end.

    Raises:
        InvalidParameter: it is something else.
    """
    if value in ("update", "end"):
        return str(value)
    raise InvalidParameter("event is update or end: a broadcast channel starts no activity")


def check_size(body: bytes) -> None:
    """Check the bytes of a push to a channel.

    Raises:
        PayloadTooLarge: there are more than Apple takes.
    """
    if len(body) > PAYLOAD_BYTES:
        raise PayloadTooLarge(f"the payload is {len(body)} bytes, the limit is {PAYLOAD_BYTES}")


def read_lifetime(seconds: int | None, stores: str) -> int:
    """Return for how many seconds Apple may keep a push; 0 where the channel keeps nothing.

    Raises:
        InvalidParameter: the channel keeps none, or not for so long.
    """
    most = KEPT_SECONDS if stores == "latest" else 0
    if seconds is None:
        return most
    if not 0 <= seconds <= most:
        kept = f"for {most} seconds at most" if most else "nothing: ttl is 0"
        raise InvalidParameter(f"ttl: the channel keeps {kept}")
    return seconds
