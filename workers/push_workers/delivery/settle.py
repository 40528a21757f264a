"""A slice's verdicts → what is recorded, and what follows for devices, route and run; pure."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from push_pipeline.ledger.values import Settlement, Tally
from push_pipeline.outcome import (
    CONSEQUENCES,
    DeviceAction,
    Evidence,
    Outcome,
    RouteAction,
    Settled,
    Verdict,
)
from push_workers.delivery.backoff import FIRST_WAIT, Backoff
from push_workers.senders.base import Target

#: A slice of at least this many targets …
GUARD_FLOOR = 20

#: … of which more than this share is misrouted looks like a wrong environment, topic or
#: project: then no token is touched and the run stops.
MISROUTED_SHARE = 0.5

#: A provider that calls tokens dead is believed, even in an old list: only in a slice of this
#: many, and with more than this share dead or misrouted, is something else the likelier cause.
DEAD_FLOOR = 200
DEAD_SHARE = 0.8

#: Seconds a refused credential rests before one probe tries it again.
HOLD_SECONDS = 60.0

#: Seconds a route rests after a slice in which nobody answered at all.
OUTAGE_SECONDS = 10.0

#: Seconds a throttled route rests where the provider named no time.
PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside the verdicts."""

    run_id: int
    attempt: int
    doubtful: bool  # an earlier attempt may have reached these members
    guarded: bool
    expires_at: int  # epoch milliseconds
    keep: str  # PIPELINE_LEDGER
    backoff: Backoff
    may_resend: bool = False  # the unknown policy, applied to this notification
    copies: int = 1  # of those that may have reached them, where they are doubtful

    def in_doubt(self, times_sent: int) -> "Rules":
        """Return the rules for members that workers may have sent to, and recorded nothing."""
        return replace(self, doubtful=True, copies=max(1, self.doubtful + times_sent))


class Retry(NamedTuple):
    """Members that an attempt left undecided, to be sent to again later."""

    members: list[int]
    attempt: int
    not_before: int
    doubtful: bool


class RouteChange(NamedTuple):
    """A route that is to rest."""

    seconds: float
    held_reason: str | None


@dataclass(slots=True)
class Report:
    """Everything that one slice's record transaction has to write."""

    ended: dict[tuple[Settled, str | None], list[tuple[int, str | None]]] = field(
        default_factory=dict
    )
    retries: list[Retry] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    resent: int = 0
    route: RouteChange | None = None
    suspicion: str | None = None  # why the run must stop

    @classmethod
    def of_unsent(cls, settled: Settled, reason: str, keys: Sequence[int]) -> "Report":
        """Report members that all end the same way, without having been sent to."""
        report = cls()
        report.end(settled, reason, [(key, None) for key in keys])
        return report

    def end(
        self, settled: Settled, reason: str | None, devices: list[tuple[int, str | None]]
    ) -> None:
        """Note (key, provider id) of devices that ended so."""
        if devices:
            self.ended.setdefault((settled, reason), []).extend(devices)

    def absorb(self, other: "Report") -> None:
        """Note as well how the devices of another report ended."""
        for (settled, reason), devices in other.ended.items():
            self.end(settled, reason, devices)

    @property
    def proven(self) -> bool:
        """Whether the provider took something, so that the credential works."""
        return any(settled is Settled.ACCEPTED for settled, _ in self.ended)

    def tally(self) -> Tally:
        """Count the devices by how they ended, and those that did not end by their reason."""
        tally = Tally(moved=sum(len(one.members) for one in self.retries), resent=self.resent)
        for (settled, reason), devices in self.ended.items():
            tally.ended[settled] += len(devices)
            if settled is not Settled.ACCEPTED:
                tally.reasons[reason or settled.value] += len(devices)
        return tally

    def settlements(self, rules: "Rules", now: int) -> list[Settlement]:
        """Return the rows that the operator wants to keep, grouped by how devices ended."""
        return [
            Settlement(rules.run_id, settled.value, reason, rules.attempt, now, devices)
            for (settled, reason), devices in self.ended.items()
            if rules.keep == "all" or (rules.keep == "problems" and settled is not Settled.ACCEPTED)
        ]


class Undecided(NamedTuple):
    """What members have in common that go on together."""

    outcome: Outcome
    reason: str | None
    retry_after: float | None
    doubtful: bool
    answered: bool


def may_resend(policy: str, *, collapsible: bool) -> bool:
    """Decide whether a device in doubt is sent to again, by the operator's policy."""
    return policy == "at-least-once" or (policy == "once-if-collapsible" and collapsible)


def settle(
    targets: Sequence[Target],
    verdicts: Sequence[Verdict],
    rules: Rules,
    *,
    sent_at: int,
    now: int,
    rng: random.Random,
) -> Report:
    """Say what follows from the verdicts of one slice.

    `sent_at` is when the tokens were read: evidence without a time of its own counts from then.
    """
    suspicious = rules.guarded and looks_misconfigured(verdicts)
    report = Report(
        route=route_change(verdicts, rules.backoff.factor),
        suspicion=_suspicion(verdicts) if suspicious else None,
    )
    accepted: list[tuple[int, str | None]] = []
    undecided: dict[Undecided, list[int]] = defaultdict(list)
    for target, verdict in zip(targets, verdicts, strict=True):
        if verdict.outcome is Outcome.ACCEPTED:  # nearly all: nothing more to ask
            accepted.append((target.device_key, verdict.provider_id))
            continue
        settles, device, _ = CONSEQUENCES[verdict.outcome]
        if settles is None or (suspicious and device is not DeviceAction.KEEP):
            undecided[_kind_of(verdict, rules)].append(target.device_key)
            continue
        report.end(settles, verdict.reason, [(target.device_key, verdict.provider_id)])
        if device is not DeviceAction.KEEP:
            report.evidence.append(_evidence(target, device, verdict, sent_at))
    report.end(Settled.ACCEPTED, None, accepted)
    if rules.doubtful:
        arrived = sum(verdict.outcome in _MAY_HAVE_ARRIVED for verdict in verdicts)
        report.resent = arrived + (rules.copies - 1) * len(verdicts)
    for kind, members in undecided.items():
        _plan(report, rules, kind, members, now, rng)
    return report


#: A doubtful device that gets one of these has, or may have, one more copy.
_MAY_HAVE_ARRIVED = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


def _evidence(target: Target, action: DeviceAction, verdict: Verdict, sent_at: int) -> Evidence:
    since = verdict.dead_since if verdict.dead_since is not None else sent_at
    return Evidence(target.device_key, target.token, action, since, verdict.reason)


def looks_misconfigured(verdicts: Sequence[Verdict]) -> bool:
    """Tell a wrong environment, topic or project from dead devices: it hits everybody at once."""
    count = len(verdicts)
    misrouted = sum(one.outcome is Outcome.MISROUTED for one in verdicts)
    dead = sum(one.outcome is Outcome.GONE for one in verdicts)
    return (count >= GUARD_FLOOR and misrouted > MISROUTED_SHARE * count) or (
        count >= DEAD_FLOOR and misrouted + dead > DEAD_SHARE * count
    )


def _suspicion(verdicts: Sequence[Verdict]) -> str:
    fatal = [one for one in verdicts if CONSEQUENCES[one.outcome].device is not DeviceAction.KEEP]
    return (
        f"stopped: {len(fatal)} of {len(verdicts)} tokens in one slice were refused"
        f" ({fatal[0].reason}), which looks like a wrong environment, topic or project;"
        " no device was touched. Check the credentials, then `push-pipeline resume`"
    )


def route_change(verdicts: Sequence[Verdict], factor: float) -> RouteChange | None:
    """Decide whether the route must rest, and for how long; `factor` scales rests of ours."""
    held = next((one for one in verdicts if one.route is RouteAction.HOLD), None)
    if held is not None:
        return RouteChange(HOLD_SECONDS * factor, held.reason or "refused")
    pauses = [one for one in verdicts if one.route is RouteAction.PAUSE]
    if pauses:
        return RouteChange(max(_pause_seconds(one, factor) for one in pauses), None)
    return RouteChange(OUTAGE_SECONDS * factor, None) if _is_outage(verdicts) else None


def _is_outage(verdicts: Sequence[Verdict]) -> bool:
    """Tell a provider that is away from a connection that was lost: nobody could be asked anew."""
    silent = all(one.outcome is Outcome.UNKNOWN or not one.answered for one in verdicts)
    unsent = any(not one.answered for one in verdicts)
    return silent and (unsent or len(verdicts) >= GUARD_FLOOR)


def _pause_seconds(verdict: Verdict, factor: float) -> float:
    if verdict.retry_after is not None:
        return verdict.retry_after
    ours = PAUSE_SECONDS if verdict.outcome is Outcome.THROTTLED else OUTAGE_SECONDS
    return ours * factor


def _kind_of(verdict: Verdict, rules: Rules) -> Undecided:
    doubtful = rules.doubtful or verdict.outcome is Outcome.UNKNOWN
    return Undecided(
        verdict.outcome, verdict.reason, verdict.retry_after, doubtful, verdict.answered
    )


def _plan(
    report: Report,
    rules: Rules,
    kind: Undecided,
    members: list[int],
    now: int,
    rng: random.Random,
) -> None:
    """Give undecided members a later attempt, or the end that fits where there is none."""
    wait = None if _forbidden(kind, rules) else _wait(kind, rules, rng)
    not_before = now if wait is None else now + round(wait * 1000)
    if wait is not None and not_before < rules.expires_at:
        attempt = rules.attempt + _costs_an_attempt(kind, report)
        report.retries.append(Retry(members, attempt, not_before, kind.doubtful))
        return
    end = _end(kind, given_up=wait is None)
    report.end(end, kind.reason or kind.outcome.value, [(key, None) for key in members])


def _costs_an_attempt(kind: Undecided, report: Report) -> bool:
    """Only what reached the provider counts: an outage of an hour must not use a push up."""
    consumes = CONSEQUENCES[kind.outcome].consumes_attempt
    return consumes and kind.answered and report.suspicion is None


def _forbidden(kind: Undecided, rules: Rules) -> bool:
    return kind.outcome is Outcome.UNKNOWN and not rules.may_resend


def _wait(kind: Undecided, rules: Rules, rng: random.Random) -> float | None:
    if not kind.answered:
        return OUTAGE_SECONDS * rules.backoff.factor
    if kind.outcome in FIRST_WAIT:
        return rules.backoff.wait(kind.outcome, rules.attempt, kind.retry_after, rng)
    return HOLD_SECONDS * rules.backoff.factor


def _end(kind: Undecided, *, given_up: bool) -> Settled:
    if kind.doubtful:
        return Settled.UNKNOWN
    return Settled.REJECTED if given_up else Settled.EXPIRED
