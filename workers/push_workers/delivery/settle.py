"""A slice's verdicts → what is recorded, and what follows for devices, route and run; pure."""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from push_pipeline.ledger.values import Settlement, Tally
from push_pipeline.outcome import (
    CONSEQUENCES,
    NO_VERDICTS,
    DeviceAction,
    Evidence,
    Outcome,
    Recent,
    RestCause,
    RouteAction,
    Settled,
    Verdict,
)
from push_workers.delivery.backoff import Backoff
from push_workers.senders.base import Target, Targets
from push_workers.senders.verdicts import Verdicts

#: Of at least this many answers lately …
GUARD_FLOOR = 20

#: … more than this share misrouted looks like a wrong environment, topic or project: then no
#: token is touched, and the run stops on the route or the route is held.
MISROUTED_SHARE = 0.5

#: A provider that calls tokens dead is believed, even in an old list: only of this many answers,
#: and with more than this share dead or misrouted, is something else the likelier cause.
DEAD_FLOOR = 200
DEAD_SHARE = 0.8

#: Refused tokens after which a route is held through which nothing was accepted yet.
UNPROVEN_FLOOR = 5

#: A route is in a storm if at least so many of its latest verdicts, and more than this share,
#: say that the provider is overloaded or fails; then it rests, and nobody's attempts count.
STORM_FLOOR = 5
STORM_SHARE = 0.5

#: Up to this share of such verdicts a device that fails again and again is the odd one out, and
#: is given up after its attempts. Above it, it is the provider: that lasts until the lifetime.
ODD_SHARE = 0.1

#: Where so few verdicts said so lately, their share tells nothing: a device is given up as well
#: where others were accepted since its last attempt.
ODD_FEW = 3

#: Milliseconds. A provider that answered somebody in the last ones is not away.
LATELY_MS = 10_000

#: Members whose connection was lost are sent to in so many parts: the one whose request breaks
#: it stands alone within the attempts that a batch of a thousand has.
PARTS = 4

#: Seconds before the first of these attempts, doubled at each further one.
PART_SECONDS = 1.0

#: What nobody could be asked for, by the word for it; any other word is silence.
_CAUSES = {
    "DnsFailed": RestCause.DNS,
    "ConnectFailed": RestCause.CONNECT,
    "PrivateAddress": RestCause.CONNECT,
    "ConnectTimeout": RestCause.CONNECT,
    "ProxyFailed": RestCause.CONNECT,
    "ProxyRefused": RestCause.CONNECT,
    "ProxyUnsupported": RestCause.CONNECT,
    "ProxyWantsPassword": RestCause.CONNECT,
    "TlsFailed": RestCause.TLS,
    "CertificateExpired": RestCause.TLS,
    "CertificateNotYetValid": RestCause.TLS,
    "CertificateOfAnotherName": RestCause.TLS,
    "CertificateRevoked": RestCause.TLS,
    "CertificateUntrusted": RestCause.TLS,
    "NoHttp2": RestCause.TLS,
    "OAuthUnavailable": RestCause.SIGN_IN,
    "OAuthTlsFailed": RestCause.SIGN_IN,
}


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
    recent: Recent = NO_VERDICTS  # what the route's provider answered lately
    troubled: float = 0.0  # seconds that the route has been in trouble
    proven: bool = True  # something was accepted through this version of the credential
    answered_at: int = 0  # epoch milliseconds; when its provider last answered anybody
    accepted_at: int = 0  # epoch milliseconds; when it last took a push
    due_at: int = 0  # epoch milliseconds; when these members were to be sent to

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
    cause: RestCause
    reason: str | None = None  # the provider's word, or ours


class Accepted(NamedTuple):
    """Devices that were accepted, and the verdicts that know what the provider calls theirs."""

    keys: Sequence[int]
    verdicts: Verdicts

    def named(self) -> list[tuple[int, str | None]]:
        """Return (key, provider id) of each device."""
        return list(zip(self.keys, self.verdicts.names_of_accepted(), strict=True))


_NOBODY = Accepted((), Verdicts(0))


@dataclass(slots=True)
class Report:
    """Everything that one slice's record transaction has to write."""

    taken: Accepted = _NOBODY
    ended: dict[tuple[Settled, str | None], list[tuple[int, str | None]]] = field(
        default_factory=dict
    )  # all others that ended
    retries: list[Retry] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    resent: int = 0
    route: RouteChange | None = None
    suspicion: str | None = None  # why the run must stop on this route
    recent: Recent = NO_VERDICTS  # what this slice adds to the route's latest verdicts
    overloaded: bool = False  # the provider says that too much is sent
    reached: bool = False  # the provider took or refused something: it is there

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

    def tally(self) -> Tally:
        """Count the devices by how they ended, and those that did not end by their reason."""
        tally = Tally(moved=sum(len(one.members) for one in self.retries), resent=self.resent)
        if self.taken.keys:
            tally.ended[Settled.ACCEPTED] = len(self.taken.keys)
        for (settled, reason), devices in self.ended.items():
            tally.ended[settled] += len(devices)
            tally.reasons[reason or settled.value] += len(devices)
        return tally

    def accepted(self) -> Sequence[int]:
        """Return the devices that ended as accepted."""
        return self.taken.keys

    def settlements(self, keep: str, rules: "Rules", now: int) -> list[Settlement]:
        """Return what gets a row each by PIPELINE_LEDGER, grouped by how devices ended."""
        if keep == "none":
            return []
        ended = dict(self.ended)
        if keep == "rows" and self.taken.keys:
            ended[Settled.ACCEPTED, None] = self.taken.named()
        return [
            Settlement(rules.run_id, settled.value, reason, rules.attempt, now, devices)
            for (settled, reason), devices in ended.items()
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
    targets: Targets,
    verdicts: Verdicts,
    rules: Rules,
    *,
    sent_at: int,
    now: int,
    rng: random.Random,
) -> Report:
    """Say what follows from the verdicts of one slice.

    Of who was accepted, as nearly all are, there is no more to ask than how many they were.
    `sent_at` is when the tokens were read: evidence without a time of its own counts from then.
    """
    guard = judge(verdicts, rules)
    suspicious = guard in (Guard.HOLD, Guard.STOP)
    others = verdicts.others.values()
    change = route_change(verdicts, rules, now, rng)
    report = Report(
        taken=Accepted(verdicts.of_accepted(targets.keys), verdicts),
        route=change,
        suspicion=_suspicion(verdicts) if guard is Guard.STOP else None,
        recent=count(verdicts),
        overloaded=is_overloaded(verdicts, change),
        reached=bool(verdicts.accepted) or any(one.outcome in _DECIDED for one in others),
    )
    undecided: dict[Undecided, list[int]] = defaultdict(list)
    for n, verdict in verdicts.others.items():
        target = targets[n]
        settles, device, _ = CONSEQUENCES[verdict.outcome]
        if settles is None or (suspicious and device is not DeviceAction.KEEP):
            undecided[_kind_of(verdict, rules)].append(target.device_key)
            continue
        report.end(settles, verdict.reason, [(target.device_key, verdict.provider_id)])
        if device is not DeviceAction.KEEP and guard is Guard.DEAD:
            report.evidence.append(_evidence(target, device, verdict, sent_at))
    if rules.doubtful:
        unknown = sum(verdict.outcome is Outcome.UNKNOWN for verdict in others)
        # Each of these has, or may have, one more copy.
        report.resent = verdicts.accepted + unknown + (rules.copies - 1) * len(verdicts)
    for kind, members in undecided.items():
        _plan(report, rules, kind, members, now, rng)
    return report


def _evidence(target: Target, action: DeviceAction, verdict: Verdict, sent_at: int) -> Evidence:
    since = verdict.dead_since if verdict.dead_since is not None else sent_at
    token = target.live_token or target.token
    return Evidence(target.device_key, token, action, since, verdict.reason)


class Guard(StrEnum):
    """What refused tokens are taken for."""

    DEAD = "dead"  # dead devices: they are put out of service
    UNPROVEN = "unproven"  # nobody knows yet: the devices are let be
    HOLD = "hold"  # something else is wrong, as several small pushes show: the route is held
    STOP = (
        "stop"  # something else is wrong, and this push alone shows it: its run stops on the route
    )


def judge(verdicts: Verdicts, rules: Rules) -> Guard:
    """Judge refused tokens by what the route's provider answered lately, to everybody.

    A credential through which nothing was accepted since it changed proves nothing against a
    device; and one that has just had thousands accepted is not wrong for a list of dead tokens.
    """
    here = count(verdicts)
    lately = rules.recent.plus(here)
    if not rules.guarded or not here.misrouted + here.dead:
        return Guard.DEAD
    if _looks_misconfigured(lately):
        return Guard.STOP if _looks_misconfigured(here) else Guard.HOLD
    if rules.proven or lately.accepted:
        return Guard.DEAD
    many = lately.misrouted + lately.dead >= UNPROVEN_FLOOR
    return Guard.HOLD if many else Guard.UNPROVEN


def _looks_misconfigured(lately: Recent) -> bool:
    """Tell a wrong environment, topic or project from dead devices: it hits everybody at once."""
    refused = lately.misrouted + lately.dead
    total = lately.accepted + refused
    return (total >= GUARD_FLOOR and lately.misrouted > MISROUTED_SHARE * total) or (
        total >= DEAD_FLOOR and refused > DEAD_SHARE * total
    )


def _suspicion(verdicts: Verdicts) -> str:
    others = verdicts.others.values()
    fatal = [one for one in others if CONSEQUENCES[one.outcome].device is not DeviceAction.KEEP]
    return (
        f"stopped: {len(fatal)} of {len(verdicts)} tokens in one slice were refused"
        f" ({fatal[0].reason}), which looks like a wrong environment, topic, project or key;"
        " no device was touched; other routes go on. Check the credentials, then"
        " `push-pipeline resume`"
    )


def count(verdicts: Verdicts) -> Recent:
    """Count what the verdicts say of the route."""
    found = Counter(one.outcome for one in verdicts.others.values() if one.answered)
    return Recent(
        accepted=verdicts.accepted,
        misrouted=found[Outcome.MISROUTED],
        dead=found[Outcome.GONE],
        troubled=found[Outcome.THROTTLED] + found[Outcome.UNAVAILABLE],
    )


def route_change(
    verdicts: Verdicts, rules: Rules, now: int, rng: random.Random
) -> RouteChange | None:
    """Decide whether the route must rest, for how long and why."""
    others = verdicts.others.values()
    held = next((one for one in others if one.route is RouteAction.HOLD), None)
    if held is not None:
        return _rest(rules, RestCause.REFUSED, [held], rng)
    if judge(verdicts, rules) is Guard.HOLD:
        refused = [one for one in others if one.outcome in (Outcome.MISROUTED, Outcome.GONE)]
        return _rest(rules, RestCause.GUARD, refused, rng)
    pauses = [one for one in others if one.route is RouteAction.PAUSE]
    if pauses or _is_storm(verdicts, rules):
        answers = pauses or [one for one in others if one.outcome in _TROUBLE]
        throttled = any(one.outcome is Outcome.THROTTLED for one in answers)
        cause = RestCause.THROTTLED if throttled else RestCause.UNAVAILABLE
        return _rest(rules, cause, answers, rng)
    if _is_outage(verdicts):
        cause = _CAUSES.get(_most_common_word(others), RestCause.SILENCE)
        # Who breaks its own connection, time and again, is not an outage for all the others.
        if cause is not RestCause.SILENCE or now - rules.answered_at > LATELY_MS:
            return _rest(rules, cause, others, rng)
    return None


def is_overloaded(verdicts: Verdicts, change: RouteChange | None) -> bool:
    """Tell a provider that is asked too much from one that fails whatever it is asked."""
    if change is None or change.cause not in (RestCause.THROTTLED, RestCause.UNAVAILABLE):
        return False
    asked_to_wait = any(one.route is RouteAction.PAUSE for one in verdicts.others.values())
    return asked_to_wait or change.cause is RestCause.THROTTLED


def _rest(
    rules: Rules, cause: RestCause, verdicts: Collection[Verdict], rng: random.Random
) -> RouteChange:
    asked = max((one.retry_after or 0.0 for one in verdicts), default=0.0)
    seconds = rules.backoff.rest(cause, rules.troubled, asked, rng)
    return RouteChange(seconds, cause, _most_common_word(verdicts))


def _most_common_word(verdicts: Collection[Verdict]) -> str:
    words = Counter(one.reason or one.outcome.value for one in verdicts)
    return words.most_common(1)[0][0]


#: The provider is overloaded or fails, whoever the device is.
_TROUBLE = frozenset({Outcome.THROTTLED, Outcome.UNAVAILABLE})


def _is_storm(verdicts: Verdicts, rules: Rules) -> bool:
    """Tell a provider that fails for most from one that fails for a few."""
    here = count(verdicts)
    lately = rules.recent.plus(here)
    return (
        here.troubled > STORM_SHARE * len(verdicts)
        and lately.troubled >= STORM_FLOOR
        and lately.troubled > STORM_SHARE * (lately.troubled + lately.accepted)
    )


def _is_outage(verdicts: Verdicts) -> bool:
    """Tell a provider that is away from a connection that was lost: nobody could be asked anew."""
    others = verdicts.others.values()
    silent = all(one.outcome is Outcome.UNKNOWN or not one.answered for one in others)
    unsent = any(not one.answered for one in others)
    return not verdicts.accepted and silent and (unsent or len(verdicts) >= GUARD_FLOOR)


#: The provider looked at the notification, so it is there, as where it accepted one.
_DECIDED = frozenset({Outcome.REJECTED, Outcome.GONE, Outcome.MISROUTED})


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
    given_up = _is_given_up(kind, report, rules)
    not_before = now + round(_wait(kind, report, rules, rng) * 1000)
    if not given_up and not_before < rules.expires_at:
        attempt = rules.attempt + _costs_an_attempt(kind, report)
        report.retries += [
            Retry(some, attempt, not_before, kind.doubtful)
            for some in _parts(kind, report, members)
        ]
        return
    end = _end(kind, given_up=given_up)
    report.end(end, kind.reason or kind.outcome.value, [(key, None) for key in members])


def _parts(kind: Undecided, report: Report, members: list[int]) -> list[list[int]]:
    """Cut members who shared a lost connection into parts, so that one of them stands out."""
    if not _lost_its_connection(kind, report):
        return [members]
    size = -(-len(members) // PARTS)
    return [members[start : start + size] for start in range(0, len(members), size)]


def _lost_its_connection(kind: Undecided, report: Report) -> bool:
    silent = kind.reason in ("Timeout", "PingTimeout")
    return kind.outcome is Outcome.UNKNOWN and report.route is None and not silent


def _costs_an_attempt(kind: Undecided, report: Report) -> bool:
    """Only what reached a provider that is well counts: an outage must not use a push up."""
    if kind.outcome is Outcome.UNKNOWN:
        return True  # each may be a copy that arrived
    consumes = CONSEQUENCES[kind.outcome].consumes_attempt
    return consumes and kind.answered and report.suspicion is None and report.route is None


def _is_given_up(kind: Undecided, report: Report, rules: Rules) -> bool:
    """Tell whether members have had their last attempt; an outage lasts until the lifetime."""
    if kind.outcome is Outcome.UNKNOWN and not rules.may_resend:
        return True
    if not _costs_an_attempt(kind, report) or not rules.backoff.is_exhausted(rules.attempt):
        return False
    lately = rules.recent.plus(report.recent)
    return (
        kind.outcome is Outcome.UNKNOWN
        or _is_well(lately)
        or _is_alone(kind, lately, report, rules)
    )


def _is_alone(kind: Undecided, lately: Recent, report: Report, rules: Rules) -> bool:
    """Tell a device that fails from a provider that does, where few were pushed to lately."""
    waited = rules.backoff.least(kind.outcome, rules.attempt - 1) * 1000
    others = report.recent.accepted or rules.accepted_at > rules.due_at - waited
    return bool(others) and lately.troubled <= ODD_FEW


def _is_well(lately: Recent) -> bool:
    return lately.accepted > 0 and lately.troubled <= ODD_SHARE * (
        lately.accepted + lately.troubled
    )


def _wait(kind: Undecided, report: Report, rules: Rules, rng: random.Random) -> float:
    """Return how long members wait; where their route rests, until it does no longer."""
    if not _costs_an_attempt(kind, report):
        if report.route is not None:
            return max(report.route.seconds, kind.retry_after or 0.0)
        cause = RestCause.CONNECT if report.suspicion is None else RestCause.GUARD
        return rules.backoff.rest(cause, 0.0, kind.retry_after, rng)
    if _lost_its_connection(kind, report):
        return rules.backoff.factor * PART_SECONDS * 2.0 ** min(rules.attempt - 1, 6)
    return rules.backoff.wait(kind.outcome, rules.attempt, kind.retry_after, rng)


def _end(kind: Undecided, *, given_up: bool) -> Settled:
    if kind.doubtful:
        return Settled.UNKNOWN
    return Settled.REJECTED if given_up else Settled.EXPIRED
