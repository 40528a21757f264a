"""The simulator's clock: real time plus an offset; the providers' durations may run faster."""

import time
from email.utils import formatdate


class Clock:
    """Instants are real (plus `offset` seconds); durations are multiplied by `scale`.

    With a scale of 60 the hour that a provider token may live passes in a minute. Instants are
    not scaled, because clients write real ones into `iat` and `apns-expiration`.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.offset = 0.0

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time() + self.offset

    def age(self, instant: float) -> float:
        """Return the scaled seconds since an instant; negative for one in the future."""
        return (time.time() + self.offset - instant) * self.scale

    def retry_after(self, seconds: float, *, as_date: bool) -> str:
        """Write a Retry-After header: seconds, or an HTTP-date (RFC 9110, section 10.2.3)."""
        if as_date:
            return formatdate(self.now() + seconds, usegmt=True)
        return f"{seconds:g}"
