"""What the simulated provider may answer, by a word, and whether a copy reached the device."""

from typing import NamedTuple

from push_pipeline.outcome import Outcome, RouteAction, Verdict


class Answer(NamedTuple):
    """A verdict as a sender returns it, and what became of the notification in truth."""

    verdict: Verdict
    arrived: bool = False


ANSWERS = {
    "accepted": Answer(Verdict(Outcome.ACCEPTED, provider_id="id"), arrived=True),
    "too large": Answer(Verdict(Outcome.REJECTED, "PayloadTooLarge")),
    "gone": Answer(Verdict(Outcome.GONE, "Unregistered")),
    "gone long ago": Answer(Verdict(Outcome.GONE, "Unregistered", dead_since=1)),
    "misrouted": Answer(Verdict(Outcome.MISROUTED, "BadDeviceToken")),
    "busy": Answer(Verdict(Outcome.THROTTLED, "TooManyRequests")),
    "busy, all of you": Answer(
        Verdict(Outcome.THROTTLED, "QUOTA_EXCEEDED", retry_after=30.0, route=RouteAction.PAUSE)
    ),
    "down": Answer(Verdict(Outcome.UNAVAILABLE, "ServiceUnavailable")),
    "no connection": Answer(Verdict(Outcome.UNAVAILABLE, "ConnectFailed", answered=False)),
    "who are you": Answer(
        Verdict(Outcome.MISCONFIGURED, "InvalidProviderToken", route=RouteAction.HOLD)
    ),
    "lost": Answer(Verdict(Outcome.UNKNOWN, "ConnectionLost")),
    "lost on the way back": Answer(Verdict(Outcome.UNKNOWN, "ConnectionLost"), arrived=True),
    "silence": Answer(Verdict(Outcome.UNKNOWN, "Timeout"), arrived=True),
}

EXPIRED = Answer(Verdict(Outcome.EXPIRED, "Expired"))
