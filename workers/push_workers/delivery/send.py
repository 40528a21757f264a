"""Send one slice of a batch through the app's credential, and say what follows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.content.languages import choose
from push_pipeline.devices.targets import find_locales
from push_pipeline.directory.users import columns_of_users
from push_pipeline.errors import BadCredential
from push_pipeline.ledger.notification_id import id_parts
from push_pipeline.outcome import Evidence, Outcome, RouteAction, Settled, Verdict
from push_pipeline.platform import provider_of
from push_workers.delivery.activity import judge_addresses
from push_workers.delivery.badges import count_badges
from push_workers.delivery.claim import Claim, Slice
from push_workers.delivery.personalise import Prepared, Said, ToAll, send_each_its_own, words_of
from push_workers.delivery.process import Context, RunFacts
from push_workers.delivery.record import pause_at_once
from push_workers.delivery.settle import Report, Rules, may_resend, settle
from push_workers.senders.answers import unanswered
from push_workers.senders.base import Ids, Targets
from push_workers.senders.verdicts import Verdicts

#: What becomes of those that a second call of a slice was for, where none was made.
_LEFT = unanswered("TooLate", written=False)


def read_said(claim: Claim, run: RunFacts) -> ToAll:
    """Read what decides of each device's text, where not all get the same.

    For the batch one query of the devices' users, and one of their locales.
    """
    columns = run.columns(claim.batch.platform)
    if not columns and not run.languages:
        return ToAll()
    keys = list(claim.targets)
    with db.glancing() as connection:
        found = columns_of_users(connection, keys, columns)
        locales = find_locales(connection, keys) if run.languages else {}
    languages: dict[int, str] = {}
    for locale, theirs in locales.items():
        languages |= dict.fromkeys(theirs, choose(locale, run.languages))
    return ToAll(languages, [*map(words_of, found)])


def send_slice(claim: Claim, part: Slice, run: RunFacts, context: Context) -> Report:
    """Send one slice; one that is in doubt only if the policy allows it."""
    batch = claim.batch
    prepared = run.prepared(batch.platform, provider_of(batch.environment), now_ms() / 1000)
    policy = run.unknown_policy or context.settings.unknown_policy
    again = may_resend(policy, collapsible=prepared.rendered.collapsible)
    rules = _rules(claim, part, again=again)
    keys = claim.members[part.start : part.end]
    if part.doubtful and not rules.may_resend:
        return Report.of_unsent(Settled.UNKNOWN, "WorkerLost", keys)
    here = claim.targets.among(keys)
    ids = Ids(len(here), partial(id_parts, run.run.message_id, run.run.n, here.keys))
    counts = {} if run.badge_change(batch.platform) is None else count_badges(claim, part, run)
    said = _said(claim, here.keys, counts) if prepared.splices else None
    verdicts = _tell(claim, run, prepared, _ToWhom(here, ids, said), context)
    dead: list[Evidence] = []
    if run.activity is not None:
        verdicts, dead = judge_addresses(here, verdicts, claim.read_at)
    report = settle(here, verdicts, rules, sent_at=claim.read_at, now=now_ms(), rng=context.rng)
    report.evidence += dead
    if len(here) < len(keys):
        gone = [key for key in keys if key not in claim.targets]
        report.absorb(Report.of_unsent(_end_of_the_gone(rules), "NotRegistered", gone))
    return report


def _rules(claim: Claim, part: Slice, *, again: bool) -> Rules:
    """Return the batch's rules, or those for members that may have got it already."""
    rules = replace(claim.rules, may_resend=again)
    return rules.in_doubt(claim.batch.stalls) if part.doubtful else rules


def _end_of_the_gone(rules: Rules) -> Settled:
    """Devices that left meanwhile: a copy that was sent before they did may have arrived."""
    return Settled.UNKNOWN if rules.doubtful else Settled.REJECTED


def _said(claim: Claim, reached: Sequence[int], counts: Mapping[int, int]) -> Said:
    """Return what devices are told; where their badges are raised, the counts are last words."""
    said = claim.said.to(reached)
    if not counts:
        return said
    return said._replace(words=[*said.words, [str(counts[key]) for key in reached]])


class _ToWhom(NamedTuple):
    """The devices of a slice, their notifications' ids, and what each is told (None: the same)."""

    targets: Targets
    ids: Sequence[str]
    said: Said | None

    def only(self, places: Sequence[int]) -> "_ToWhom":
        """Return those at some places."""
        said = self.said and self.said.only(places)
        return _ToWhom(self.targets.only(places), [self.ids[n] for n in places], said)


def _tell(
    claim: Claim, run: RunFacts, prepared: Prepared, to_whom: _ToWhom, context: Context
) -> Verdicts:
    """Send to all, and after them at a lower priority to those that are told of it seldom.

    The second call is made within the time that one may take, and not where the first one led to
    a rest of the route: those are left for a later attempt.
    """
    if not claim.seldom:
        return _ask_provider(claim, prepared, to_whom, context)
    began = time.monotonic()
    seldom = [n for n, key in enumerate(to_whom.targets.keys) if key in claim.seldom]
    others = sorted({*range(len(to_whom.targets))} - {*seldom})
    first = _ask_provider(claim, prepared, to_whom.only(others), context)
    verdicts = Verdicts.alike(len(to_whom.targets), _LEFT).put(others, first)
    in_time = time.monotonic() - began < context.settings.send_timeout_seconds / 2
    if not in_time or any(one.route is not RouteAction.KEEP for one in first.others.values()):
        return verdicts
    batch = claim.batch
    lower = run.eased.prepared(batch.platform, provider_of(batch.environment), time.time())
    return verdicts.put(seldom, _ask_provider(claim, lower, to_whom.only(seldom), context))


def _ask_provider(claim: Claim, prepared: Prepared, to_whom: _ToWhom, context: Context) -> Verdicts:
    targets, ids, said = to_whom
    if not targets:
        return Verdicts(0)
    try:
        sender = context.sender(claim.batch)
        on_pause = partial(pause_at_once, claim, context)
        if said is None:
            return sender.send(prepared.rendered, targets, ids, None, on_pause)
        return send_each_its_own(sender, prepared, targets, ids, said, on_pause)
    except BadCredential:
        refused = Verdict(Outcome.MISCONFIGURED, "BadCredential", route=RouteAction.HOLD)
        return Verdicts.alike(len(targets), refused)
