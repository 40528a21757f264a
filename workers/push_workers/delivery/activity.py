"""What is different where a slice tells an activity's event: its addresses are no devices; pure.

An activity ends on a device without us, and its token with it: that is daily business. It puts no
device out of service, and says nothing against the route.
"""

from collections.abc import Sequence
from typing import Final

from push_pipeline.outcome import DeviceAction, Evidence, Outcome, Verdict
from push_workers.senders.base import Target
from push_workers.senders.verdicts import Verdicts

#: What Apple says of a topic: that of activities may be closed to a key that sends all else.
_OF_THE_TOPIC: Final = frozenset(("BadTopic", "TopicDisallowed"))


def activity_target(key: int, token: str, kind: str, address: str | None) -> Target:
    """Return where an event goes: an activity's token instead of the device's, or beside it.

    Without one of the activity's it is the device's own, as on Android.
    """
    if address is None:
        return Target(key, token, kind)
    return Target(key, address, kind) if kind == "apns" else Target(key, token, kind, address)


def judge_addresses(
    targets: Sequence[Target], verdicts: Verdicts, sent_at: int
) -> tuple[Verdicts, list[Evidence]]:
    """Return the verdicts as far as they concern more than an address, and who is dead.

    `sent_at` (epoch milliseconds) is when the tokens were read.
    """
    judged = {
        n: _without_route(_mild(one) if _is_address(targets[n]) else one)
        for n, one in verdicts.others.items()
    }
    dead = [
        _evidence(targets[n], one, sent_at)
        for n, one in verdicts.others.items()
        if one.outcome is Outcome.GONE and _is_address(targets[n])
    ]
    return Verdicts(len(verdicts), judged, verdicts.names), dead


def _is_address(target: Target) -> bool:
    """Tell a token of an activity from a device's own."""
    return target.kind == "apns" or target.live_token is not None


def _mild(verdict: Verdict) -> Verdict:
    if verdict.outcome is not Outcome.GONE:
        return verdict
    return Verdict(Outcome.REJECTED, verdict.reason, verdict.provider_id)


def _without_route(verdict: Verdict) -> Verdict:
    if verdict.reason not in _OF_THE_TOPIC:
        return verdict
    return Verdict(Outcome.REJECTED, verdict.reason, verdict.provider_id)


def _evidence(target: Target, verdict: Verdict, sent_at: int) -> Evidence:
    since = verdict.dead_since if verdict.dead_since is not None else sent_at
    token = target.live_token or target.token
    return Evidence(target.device_key, token, DeviceAction.RETIRE, since, verdict.reason)
