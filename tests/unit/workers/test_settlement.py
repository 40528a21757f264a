"""What follows from a slice's verdicts, case by case; no database, no network."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.outcome import (
    DeviceAction,
    Outcome,
    Recent,
    RestCause,
    RouteAction,
    Settled,
    Verdict,
)
from push_workers.delivery.backoff import Backoff
from push_workers.delivery.settle import (
    DEAD_FLOOR,
    GUARD_FLOOR,
    Report,
    Rules,
    may_resend,
    settle,
)
from push_workers.senders.base import Target, Targets
from push_workers.senders.verdicts import Verdicts

NOW = 1_000_000
RULES = Rules(
    run_id=7,
    attempt=1,
    doubtful=False,
    may_resend=True,
    guarded=True,
    expires_at=NOW + 10_000_000_000,
    keep="rows",
    backoff=Backoff(max_attempts=3),
    recent=Recent(accepted=100.0),
)
ACCEPTED = Verdict(Outcome.ACCEPTED, provider_id="id")

#: Of a route that works, and had nothing to do lately.
QUIET = replace(RULES, recent=Recent())

#: Of a credential through which nothing was sent yet.
NEW = replace(QUIET, proven=False)


def report_of(*verdicts: Verdict, rules: Rules = RULES) -> Report:
    targets = Targets.of(
        [Target(key, f"token-{key}", "apns") for key in range(1, len(verdicts) + 1)]
    )
    return settle(
        targets, Verdicts.of(verdicts), rules, sent_at=NOW - 5, now=NOW, rng=random.Random(1)
    )


def test_an_accepted_device_is_counted_and_recorded_with_the_providers_id() -> None:
    report = report_of(ACCEPTED)

    assert report.tally().ended[Settled.ACCEPTED] == 1
    (settlement,) = report.settlements(RULES.keep, RULES, NOW)
    assert (settlement.outcome, settlement.devices) == ("accepted", [(1, "id")])
    assert report.reached
    assert not report.retries


@pytest.mark.parametrize(("doubtful", "resent"), [(False, 0), (True, 4)])
def test_a_slice_that_was_accepted_as_a_whole_is_reported_as_any_other(
    doubtful: bool, resent: int
) -> None:
    rules = replace(RULES, doubtful=doubtful, copies=2)
    refused = Verdict(Outcome.REJECTED, "PayloadTooLarge")

    whole = report_of(ACCEPTED, ACCEPTED, rules=rules)
    mixed = report_of(ACCEPTED, ACCEPTED, refused, rules=rules)

    assert mixed.taken.named() == whole.taken.named() == [(1, "id"), (2, "id")]
    assert mixed.ended == {(Settled.REJECTED, refused.reason): [(3, None)]}
    assert (whole.recent, whole.reached, whole.route) == (mixed.recent, mixed.reached, mixed.route)
    assert whole.resent == resent


def test_a_dead_token_is_retired_as_of_the_providers_time() -> None:
    report = report_of(Verdict(Outcome.GONE, "Unregistered", dead_since=123), ACCEPTED)

    evidence = report.evidence[0]
    assert (evidence.action, evidence.dead_since, evidence.token) == (
        DeviceAction.RETIRE,
        123,
        "token-1",
    )
    assert report.tally().reasons == {"Unregistered": 1}


def test_evidence_without_a_time_counts_from_when_the_token_was_read() -> None:
    report = report_of(Verdict(Outcome.GONE, "UNREGISTERED"), ACCEPTED)

    assert report.evidence[0].dead_since == NOW - 5


def test_an_unavailable_provider_is_tried_again_later_as_another_attempt() -> None:
    report = report_of(Verdict(Outcome.UNAVAILABLE, "ServiceUnavailable"), ACCEPTED)

    (retry,) = report.retries
    assert retry.members == [1]
    assert retry.attempt == 2
    assert NOW + 10_000 <= retry.not_before <= NOW + 12_500
    assert not retry.doubtful
    assert report.tally().moved == 1


def test_a_wait_is_the_larger_of_the_providers_and_ours() -> None:
    long = report_of(Verdict(Outcome.THROTTLED, "QUOTA_EXCEEDED", retry_after=700.0))
    short = report_of(Verdict(Outcome.THROTTLED, "QUOTA_EXCEEDED", retry_after=1.0))

    assert long.retries[0].not_before == NOW + 700_000
    assert NOW + 60_000 <= short.retries[0].not_before <= NOW + 75_000


def test_members_that_wait_alike_share_one_batch() -> None:
    throttled = Verdict(Outcome.THROTTLED, "TooManyRequests")
    down = Verdict(Outcome.UNAVAILABLE, "ServiceUnavailable")

    report = report_of(throttled, down, throttled, down)

    assert sorted(retry.members for retry in report.retries) == [[1, 3], [2, 4]]


def test_after_the_last_attempt_a_device_is_rejected_with_the_last_reason() -> None:
    rules = replace(RULES, attempt=3)

    report = report_of(Verdict(Outcome.UNAVAILABLE, "InternalServerError"), rules=rules)

    assert report.tally().ended[Settled.REJECTED] == 1
    assert report.tally().reasons == {"InternalServerError": 1}


def test_a_wait_beyond_the_messages_life_expires_the_device_now() -> None:
    rules = replace(RULES, expires_at=NOW + 5_000)

    report = report_of(Verdict(Outcome.UNAVAILABLE, "ServiceUnavailable"), rules=rules)

    assert report.tally().ended[Settled.EXPIRED] == 1
    assert not report.retries


@pytest.mark.parametrize(
    ("policy", "collapsible", "resent"),
    [
        ("at-most-once", True, False),
        ("at-least-once", False, True),
        ("once-if-collapsible", True, True),
        ("once-if-collapsible", False, False),
    ],
)
def test_the_policy_decides_whether_a_device_in_doubt_is_sent_to_again(
    policy: str, collapsible: bool, resent: bool
) -> None:
    rules = replace(RULES, may_resend=may_resend(policy, collapsible=collapsible))

    report = report_of(Verdict(Outcome.UNKNOWN, "ConnectionLost"), rules=rules)

    assert bool(report.retries) is resent
    assert report.tally().ended[Settled.UNKNOWN] == (not resent)
    assert all(retry.doubtful for retry in report.retries)


def test_a_device_in_doubt_never_ends_as_expired_or_rejected_for_want_of_attempts() -> None:
    doubtful = replace(RULES, doubtful=True)
    down = Verdict(Outcome.UNAVAILABLE, "ServiceUnavailable")

    late = report_of(down, rules=replace(doubtful, expires_at=NOW + 1))
    tired = report_of(down, rules=replace(doubtful, attempt=3))

    assert (late.tally().ended[Settled.UNKNOWN], tired.tally().ended[Settled.UNKNOWN]) == (1, 1)


def test_a_second_copy_is_counted_as_resent() -> None:
    rules = replace(RULES, doubtful=True)
    down = Verdict(Outcome.UNAVAILABLE, "ConnectFailed", answered=False)

    report = report_of(ACCEPTED, Verdict(Outcome.UNKNOWN, "Timeout"), down, rules=rules)

    assert report.tally().resent == 2


def test_a_refused_credential_holds_the_route_and_costs_no_attempt() -> None:
    refused = Verdict(Outcome.MISCONFIGURED, "InvalidProviderToken", route=RouteAction.HOLD)

    report = report_of(refused, refused)

    assert report.route is not None
    assert (report.route.cause, report.route.reason) == (RestCause.REFUSED, "InvalidProviderToken")
    assert 60 <= report.route.seconds <= 75
    assert report.retries[0].attempt == 1
    assert not report.reached


@pytest.mark.parametrize(("asked", "least"), [(90.0, 90.0), (None, 60.0), (1.0, 60.0)])
def test_a_throttled_route_rests_at_least_as_long_as_the_provider_asks(
    asked: float | None, least: float
) -> None:
    verdict = Verdict(
        Outcome.THROTTLED, "QUOTA_EXCEEDED", retry_after=asked, route=RouteAction.PAUSE
    )

    report = report_of(ACCEPTED, verdict, rules=replace(RULES, attempt=2))

    assert report.route is not None
    assert report.route.cause is RestCause.THROTTLED
    assert least <= report.route.seconds <= max(least, 75.0)
    assert report.retries[0].attempt == 2
    assert report.retries[0].not_before >= NOW + least * 1000


@pytest.mark.parametrize(
    ("word", "rests"),
    [("QUOTA_EXCEEDED", [60, 60, 600, 3600]), ("ConnectFailed", [1, 1.2, 12, 60])],
)
def test_a_route_rests_longer_the_longer_its_provider_is_in_trouble(
    word: str, rests: list[float]
) -> None:
    full = Verdict(Outcome.THROTTLED, word, retry_after=1.0, route=RouteAction.PAUSE)
    away = Verdict(Outcome.UNAVAILABLE, word, answered=False)
    verdict = full if word == "QUOTA_EXCEEDED" else away

    for troubled, least in zip([0.0, 60.0, 600.0, 10_000.0], rests, strict=True):
        report = report_of(verdict, rules=replace(RULES, troubled=troubled))

        assert report.route is not None
        assert least <= report.route.seconds <= least * 1.25


def test_a_provider_that_fails_for_a_minute_is_asked_again_as_soon_as_google_allows() -> None:
    for number in range(100):
        seconds = RULES.backoff.rest(RestCause.UNAVAILABLE, 60.0, None, random.Random(number))

        assert 10 <= seconds <= 12.5


def test_a_storm_of_failures_rests_the_route_and_costs_no_attempt() -> None:
    down = Verdict(Outcome.UNAVAILABLE, "InternalServerError")
    tired = replace(RULES, attempt=3, recent=Recent())

    report = report_of(*[down] * 20, rules=tired)

    assert report.route is not None
    assert report.route.cause is RestCause.UNAVAILABLE
    assert [(retry.attempt, len(retry.members)) for retry in report.retries] == [(3, 20)]


def test_an_outage_in_part_lasts_until_the_lifetime_and_a_device_alone_is_given_up() -> None:
    down = Verdict(Outcome.UNAVAILABLE, "InternalServerError")
    tired = replace(RULES, attempt=3)

    in_part = report_of(*[down] * 40, *[ACCEPTED] * 60, rules=replace(tired, recent=Recent()))
    alone = report_of(down, rules=tired)

    assert (in_part.route, in_part.retries[0].attempt) == (None, 4)
    assert alone.tally().ended[Settled.REJECTED] == 1


@pytest.mark.parametrize(
    ("accepted_at", "troubled", "given_up"),
    [
        (
            NOW - 119_000,
            0,
            True,
        ),  # another was taken since it was tried last, 120 s before it was due
        (NOW - 121_000, 0, False),
        (NOW - 119_000, 2, True),
        (NOW - 119_000, 3, False),  # several fail: it may be the provider
    ],
)
def test_a_device_among_few_is_given_up_once_others_were_answered_after_it(
    accepted_at: int, troubled: int, given_up: bool
) -> None:
    throttled = Verdict(Outcome.THROTTLED, "TooManyRequests")
    lately = Recent(accepted=1.0, troubled=troubled)
    rules = replace(RULES, attempt=3, recent=lately, accepted_at=accepted_at, due_at=NOW)

    report = report_of(throttled, rules=rules)

    assert (report.tally().ended[Settled.REJECTED] == 1) is given_up
    assert bool(report.retries) is not given_up


def test_a_slice_that_is_mostly_refused_touches_no_device_and_stops_the_run() -> None:
    foreign = Verdict(Outcome.MISROUTED, "BadDeviceToken")

    report = report_of(*[foreign] * GUARD_FLOOR, ACCEPTED, rules=QUIET)

    assert report.suspicion is not None
    assert "BadDeviceToken" in report.suspicion
    assert not report.evidence
    assert report.retries[0].attempt == 1
    assert len(report.retries[0].members) == GUARD_FLOOR


def test_an_old_list_of_dead_tokens_is_believed_unless_nearly_everybody_is_dead() -> None:
    dead = Verdict(Outcome.GONE, "Unregistered", dead_since=NOW)

    small = report_of(*[dead] * (DEAD_FLOOR - 1), rules=QUIET)
    large = report_of(*[dead] * 160, *[ACCEPTED] * 40, rules=QUIET)
    hopeless = report_of(*[dead] * 161, *[ACCEPTED] * 39, rules=QUIET)

    assert (small.suspicion, large.suspicion) == (None, None)
    assert len(small.evidence) == DEAD_FLOOR - 1
    assert hopeless.suspicion is not None
    assert not hopeless.evidence


def test_an_operator_can_let_a_suspicious_run_go_on() -> None:
    foreign = Verdict(Outcome.MISROUTED, "BadDeviceToken")

    report = report_of(*[foreign] * GUARD_FLOOR, rules=replace(QUIET, guarded=False))

    assert report.suspicion is None
    assert len(report.evidence) == GUARD_FLOOR


def test_an_outage_rests_the_route_and_costs_no_attempt() -> None:
    unsent = Verdict(Outcome.UNAVAILABLE, "ConnectFailed", answered=False)

    report = report_of(Verdict(Outcome.UNKNOWN, "ConnectionLost"), unsent, unsent)

    assert report.route is not None
    assert report.route.cause is RestCause.CONNECT
    assert {retry.attempt: retry.members for retry in report.retries} == {2: [1], 1: [2, 3]}


def test_an_outage_never_uses_up_the_last_attempt() -> None:
    unsent = Verdict(Outcome.UNAVAILABLE, "ConnectFailed", answered=False)

    report = report_of(unsent, rules=replace(RULES, attempt=3))

    assert report.retries[0].attempt == 3


def test_one_lost_connection_among_answers_rests_nothing() -> None:
    assert report_of(Verdict(Outcome.UNKNOWN, "ConnectionLost"), ACCEPTED).route is None
    assert report_of(Verdict(Outcome.UNKNOWN, "ConnectionLost")).route is None


@pytest.mark.parametrize(("keep", "rows"), [("rows", 2), ("all", 1), ("problems", 1), ("none", 0)])
def test_the_ledger_setting_decides_which_deliveries_get_a_row(keep: str, rows: int) -> None:
    rejected = Verdict(Outcome.REJECTED, "PayloadTooLarge")

    report = report_of(ACCEPTED, rejected)

    assert len(report.settlements(keep, RULES, NOW)) == rows
    assert list(report.accepted()) == [1]
    assert (report.tally().ended[Settled.ACCEPTED], report.tally().ended[Settled.REJECTED]) == (
        1,
        1,
    )


verdicts = st.builds(
    Verdict,
    st.sampled_from(Outcome),
    reason=st.sampled_from([None, "A", "B"]),
    retry_after=st.sampled_from([None, 0.0, 5.0]),
    route=st.sampled_from(RouteAction),
    answered=st.booleans(),
)


@given(
    st.lists(verdicts, max_size=60),
    st.builds(
        replace,
        st.just(RULES),
        attempt=st.integers(1, 3),
        doubtful=st.booleans(),
        may_resend=st.booleans(),
        guarded=st.booleans(),
        expires_at=st.sampled_from([NOW + 1, NOW + 10_000_000]),
    ),
)
def test_every_member_ends_exactly_once_or_goes_on_exactly_once(
    given_verdicts: list[Verdict], rules: Rules
) -> None:
    report = report_of(*given_verdicts, rules=rules)

    ended = [key for row in report.settlements(RULES.keep, RULES, NOW) for key, _ in row.devices]
    going_on = [key for retry in report.retries for key in retry.members]
    assert sorted(ended + going_on) == list(range(1, len(given_verdicts) + 1))
    tally = report.tally()
    assert tally.moved == len(going_on)
    assert tally.ended.total() == len(ended)
    assert sum(tally.reasons.values()) == len(ended) - tally.ended[Settled.ACCEPTED]


def test_who_shared_a_lost_connection_is_sent_to_in_parts_unless_the_provider_is_away() -> None:
    lost = Verdict(Outcome.UNKNOWN, "ConnectionLost")

    lately = report_of(*[lost] * 100, rules=replace(RULES, answered_at=NOW - 1_000))
    long_ago = report_of(*[lost] * 100, rules=replace(RULES, answered_at=NOW - 60_000))
    alone = report_of(lost, rules=replace(RULES, attempt=3, answered_at=NOW))

    assert lately.route is None
    assert [len(retry.members) for retry in lately.retries] == [25] * 4
    assert {retry.not_before for retry in lately.retries} == {NOW + 1_000}
    assert long_ago.route is not None
    assert [len(retry.members) for retry in long_ago.retries] == [100]
    assert alone.tally().ended[Settled.UNKNOWN] == 1


def test_a_list_of_dead_tokens_is_believed_of_a_credential_that_has_just_worked() -> None:
    dead = Verdict(Outcome.GONE, "Unregistered", dead_since=NOW)

    report = report_of(*[dead] * 488, rules=replace(RULES, recent=Recent(accepted=9_518)))

    assert (report.suspicion, report.route) == (None, None)
    assert len(report.evidence) == 488


def test_single_pushes_that_are_all_refused_hold_the_route_and_touch_no_further_device() -> None:
    foreign = Verdict(Outcome.MISROUTED, "BadDeviceToken")
    nearly_all = replace(QUIET, recent=Recent(accepted=5, misrouted=GUARD_FLOOR))

    report = report_of(foreign, rules=nearly_all)

    assert report.route is not None
    assert (report.route.cause, report.route.reason) == (RestCause.GUARD, "BadDeviceToken")
    assert (report.suspicion, report.evidence) == (None, [])
    assert [(retry.members, retry.attempt) for retry in report.retries] == [([1], 1)]


def test_a_credential_through_which_nothing_was_accepted_proves_nothing_against_a_device() -> None:
    refused = [Verdict(Outcome.MISROUTED, "BadDeviceToken"), Verdict(Outcome.GONE, "Unregistered")]

    few = report_of(*refused, rules=NEW)
    many = report_of(*refused * 3, rules=NEW)
    proven = report_of(*refused * 3, ACCEPTED, rules=NEW)

    assert (few.evidence, few.route, few.tally().ended[Settled.REJECTED]) == ([], None, 2)
    assert many.route is not None
    assert (many.evidence, many.tally().moved) == ([], 6)
    assert (len(proven.evidence), proven.route) == (6, None)
