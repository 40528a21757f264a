"""Which budget a credential has, and a message that its publisher paces; pure."""

from push_pipeline.budgets.bucket import Limits
from push_pipeline.settings import Settings

#: Seconds of its rate that a paced message may send at once.
PACE_BURST_SECONDS = 1.0


def limits_of(provider: str, settings: Settings) -> Limits:
    """Return what a provider lets a credential send, a second."""
    rates = {"apns": settings.apns_rate, "fcm": settings.fcm_rate}
    rate = rates.get(provider, 0.0)  # no push service of browsers names one
    # What comes by a tick must find what was saved since the one before.
    burst = max(2.0, 2 * settings.tick_seconds)
    return Limits(rate, burst, ramps=provider == "fcm")


def pace_limits(rate: float, settings: Settings) -> Limits:
    """Return what a message may send, a second, that is to be sent at a rate."""
    return Limits(rate, max(PACE_BURST_SECONDS, settings.tick_seconds))


def slice_limit(limits: Limits, doubt_window: int) -> int:
    """Return how large a slice may be: never more than the rate allows in a second."""
    return min(doubt_window, max(1, int(limits.rate))) if limits.rate else doubt_window


def budget_key(credential_id: int) -> str:
    """Return the key of a credential's bucket."""
    return f"budget:{credential_id}"


def pace_key(run_id: int) -> str:
    """Return the key of a paced run's bucket."""
    return f"pace:{run_id}"
