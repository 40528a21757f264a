"""What an operator is told of a budget; pure."""

from collections.abc import Mapping

from push_pipeline.budgets.bucket import RAMP_SECONDS, Bucket, Limits


def says(limits: Limits, stored: Mapping[str, float] | None, now: float) -> str:
    """Say what a budget allows, and what of it is in use. `now` is epoch seconds."""
    allowed = (
        f"{limits.rate:,.10g} a second"
        if limits.rate
        else "no limit until the provider says that it is too much"
    )
    if stored is None:
        return f"{allowed}; Redis does not answer: each worker sends by a share"
    if not stored or now - stored["at"] > RAMP_SECONDS:
        return f"{allowed}; not in use"
    bucket = Bucket(**{name: value for name, value in stored.items() if name != "takers"})
    rate = bucket.rate(limits, now)
    current = f", {_why(bucket, limits)} {rate:,.0f}" if rate != limits.rate else ""
    used = max(bucket.seen_rate, bucket.seen / max(now - bucket.seen_at, 1.0))
    return f"{allowed}{current}; in use by {stored['takers']:.0f}: {used:,.0f} a second lately"


def _why(bucket: Bucket, limits: Limits) -> str:
    uncut = Bucket(busy_since=bucket.busy_since)
    ramped = uncut.rate(limits, bucket.at)
    is_cut = bucket.cap and (not ramped or bucket.rate(limits, bucket.at) < ramped)
    return "cut by the provider's complaint to" if is_cut else "ramping up, now"
