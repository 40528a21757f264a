"""What a key without the scope `admin` may ask for at most. Pure."""

from push_pipeline.errors import QuotaExceeded
from push_pipeline.options import DeliveryOptions

#: Seconds between two sends of a repeat: whoever wants it quicker runs the installation.
REPEAT_MIN_SECONDS = 60

#: Publishes a second that all who have no key may ask a gateway for.
KEYLESS_PUBLISH_RATE = 10

#: Channels that one registration names: an app's settings page, not a table of all topics.
CHANNELS_MAX = 100


def require_slow(to: DeliveryOptions) -> None:
    """Check how often a message is to be repeated.

    Raises:
        QuotaExceeded: too often.
    """
    if 0 < to.repeat_every < REPEAT_MIN_SECONDS:
        raise QuotaExceeded(
            f"repeatEvery below {REPEAT_MIN_SECONDS} seconds needs a key with the scope admin"
        )


def require_few(channels: int) -> None:
    """Check how many channels a registration names.

    Raises:
        QuotaExceeded: too many.
    """
    if channels > CHANNELS_MAX:
        raise QuotaExceeded(
            f"more than {CHANNELS_MAX} channels at once need a key with the scope admin"
        )
