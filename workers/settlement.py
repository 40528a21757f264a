"""A slice's verdicts → what is recorded, and what follows for devices, route and run; pure."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.ledger.batches import Tally
from pipeline.ledger.deliveries import Settlement
from pipeline.outcome import CONSEQUENCES, DeviceAction, Outcome, RouteAction, Settled, Verdict
from workers.backoff import FIRST_WAIT, Backoff
from workers.senders.base import Target

#: A slice of at least this many targets …
GUARD_FLOOR = 20

#: … of which more than this share is token-fatal looks like a wrong environment, topic or
#: project, not like dead devices: then no token is touched and the run stops.
GUARD_SHARE = 0.5

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
    may_resend: bool  # the unknown policy, applied to this notification
    guarded: bool
    expires_at: int  # epoch milliseconds
    keep: str  # PIPELINE_LEDGER
    backoff: Backoff


class Retry(NamedTuple):
    """Members that an attempt left undecided, to be sent to again later."""

    members: list[int]
    attempt: int
    not_before: int
    doubtful: bool


class Evidence(NamedTuple):
    """Why a device is put out of service."""

    key: int
    token: str
    action: DeviceAction
    dead_since: int
    reason: str | None


class RouteChange(NamedTuple):
    """A route that is to rest."""

    seconds: float
    held_reason: str | None


@dataclass(slots=True)
class Report:
    """Everything that one slice's record transaction has to write."""

    tally: Tally = field(default_factory=Tally)
    settlements: list[Settlement] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    route: RouteChange | None = None
    proven: bool = False  # the provider took something, so the credential works
    suspicion: str | None = None  # why the run must stop

    def absorb(self, other: "Report") -> None:
        """Add what another report settled."""
        self.settlements.extend(other.settlements)
        for name in ("accepted", "rejected", "expired", "cancelled", "unknown"):
            setattr(self.tally, name, getattr(self.tally, name) + getattr(other.tally, name))
        for reason, count in other.tally.reasons.items():
            self.tally.reasons[reason] = self.tally.reasons.get(reason, 0) + count


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
    undecided: dict[Undecided, list[int]] = defaultdict(list)
    for target, verdict in zip(targets, verdicts, strict=True):
        settles, device, _ = CONSEQUENCES[verdict.outcome]
        if settles is None or (suspicious and device is not DeviceAction.KEEP):
            undecided[_kind_of(verdict, rules)].append(target.device_key)
            continue
        _note(report, rules, target.device_key, settles, verdict, now)
        if device is not DeviceAction.KEEP:
            since = verdict.dead_since if verdict.dead_since is not None else sent_at
            report.evidence.append(
                Evidence(target.device_key, target.token, device, since, verdict.reason)
            )
    report.proven = report.tally.accepted > 0
    if rules.doubtful:
        report.tally.resent = sum(verdict.outcome in _MAY_HAVE_ARRIVED for verdict in verdicts)
    for kind, members in undecided.items():
        _plan(report, rules, kind, members, now, rng)
    return report


#: A doubtful device that gets one of these has, or may have, two copies.
_MAY_HAVE_ARRIVED = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


def settle_all(
    members: Sequence[int], rules: Rules, settled: Settled, reason: str, now: int
) -> Report:
    """Settle members without sending: cancelled, expired, in doubt, or nobody to send through."""
    report = Report()
    verdict = Verdict(Outcome.REJECTED, reason)
    for key in members:
        _note(report, rules, key, settled, verdict, now)
    return report


def looks_misconfigured(verdicts: Sequence[Verdict]) -> bool:
    """Tell a wrong environment, topic or project from dead devices: it hits everybody at once."""
    fatal = sum(CONSEQUENCES[one.outcome].device is not DeviceAction.KEEP for one in verdicts)
    return len(verdicts) >= GUARD_FLOOR and fatal > GUARD_SHARE * len(verdicts)


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


def _note(
    report: Report, rules: Rules, key: int, settled: Settled, verdict: Verdict, now: int
) -> None:
    tally = report.tally
    if settled is Settled.ACCEPTED:
        tally.accepted += 1
        if rules.keep != "all":
            return
    else:
        setattr(tally, settled.value, getattr(tally, settled.value) + 1)
        reason = verdict.reason or verdict.outcome.value
        tally.reasons[reason] = tally.reasons.get(reason, 0) + 1
        if rules.keep == "none":
            return
    report.settlements.append(
        Settlement(
            rules.run_id,
            key,
            settled.value,
            verdict.reason,
            verdict.provider_id,
            rules.attempt,
            now,
        )
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
        report.tally.moved += len(members)
        return
    end = _end(kind, given_up=wait is None)
    for key in members:
        _note(report, rules, key, end, Verdict(kind.outcome, kind.reason), now)


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
