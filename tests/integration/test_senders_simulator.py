"""The senders against the strict stand-ins of APNs and FCM: they ask for nothing forbidden."""

import uuid
from collections.abc import Iterator

import pytest

from push_pipeline.content import Content
from push_pipeline.credentials import ApnsCredential, FcmCredential
from push_pipeline.outcome import Outcome, RouteAction, Verdict
from push_pipeline.platform import Platform
from push_workers.senders.apns.sender import ApnsSender
from push_workers.senders.base import Sender, Target
from push_workers.senders.fcm.sender import FcmSender
from push_workers.senders.registry import render_for
from push_workers.simulator import Simulator

COUNT = 500


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator() as sim:
        yield sim


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    return running.reset()


@pytest.fixture
def apns(sim: Simulator) -> Iterator[ApnsSender]:
    credential = ApnsCredential.from_key_file(
        sim.key_file, key_id=sim.key_id, team_id=sim.team_id, topic=sim.topic, url=sim.apns_url
    )
    sender = ApnsSender(credential, ca_file=str(sim.ca_file), timeout=10)
    yield sender
    sender.close()


@pytest.fixture
def fcm(sim: Simulator) -> Iterator[FcmSender]:
    credential = FcmCredential.from_service_account_file(sim.service_account_file, url=sim.fcm_url)
    sender = FcmSender(credential, ca_file=str(sim.ca_file), timeout=10)
    yield sender
    sender.close()


def apns_targets(count: int = COUNT, prefix: str = "a1") -> list[Target]:
    return [Target(n, f"{prefix}{n:0{64 - len(prefix)}x}", "apns") for n in range(count)]


def fcm_targets(count: int = COUNT, prefix: str = "a1") -> list[Target]:
    return [Target(n, f"{prefix}device-{n:014d}:APA91b{'x' * 134}", "token") for n in range(count)]


def send(
    sender: Sender, platform: Platform, targets: list[Target], content: Content | None = None
) -> list[Verdict]:
    rendered = render_for(platform.family)(
        content or Content.from_publish("Hello é😀"),
        platform,
        message_id="message-1",
        collapse_id="run-1",
        expires_at=2_000_000_000,
        now=1_800_000_000,
    )
    return sender.send(rendered, targets, [str(uuid.uuid4()) for _ in targets])


def outcomes(verdicts: list[Verdict]) -> dict[Outcome, int]:
    kinds = [verdict.outcome for verdict in verdicts]
    return {kind: kinds.count(kind) for kind in kinds}


def test_apns_takes_all_of_a_batch_once(sim: Simulator, apns: ApnsSender) -> None:
    targets = apns_targets()
    verdicts = send(apns, Platform.IOS, targets)
    assert outcomes(verdicts) == {Outcome.ACCEPTED: COUNT}
    assert sim.received() == {target.token: 1 for target in targets}


def test_fcm_takes_all_of_a_batch_once(sim: Simulator, fcm: FcmSender) -> None:
    targets = fcm_targets()
    verdicts = send(fcm, Platform.ANDROID, targets)
    assert outcomes(verdicts) == {Outcome.ACCEPTED: COUNT}
    assert sim.received() == {target.token: 1 for target in targets}
    assert len({verdict.provider_id for verdict in verdicts}) == COUNT


@pytest.mark.parametrize(
    "headers",
    [
        {"ios-content-available": 1, "sync": {"box": "inbox"}},
        {"ios-alert-title": "T", "ios-badge": "3", "ios-sound": "default", "deep-link": [1, 2]},
        {"ios-rich-media-url": "https://example.com/a.png", "ios-collapse-id": "k"},
        {"android-content-title": "T", "android-collapse-key": "k", "android-direct-boot": "1"},
        {"android-delivery-priority": "normal", "from": "dropped", "n": 5, "o": {"a": None}},
    ],
)
def test_no_kind_of_push_breaks_a_rule_of_the_providers(
    apns: ApnsSender, fcm: FcmSender, headers: dict[str, object]
) -> None:
    content = Content.from_publish("", headers)
    for sender, platform, targets in (
        (apns, Platform.IOS, apns_targets(3)),
        (fcm, Platform.ANDROID, fcm_targets(3)),
    ):
        verdicts = send(sender, platform, targets, content)
        assert outcomes(verdicts) == {Outcome.ACCEPTED: 3}


def test_installation_ids_are_targets_as_well(sim: Simulator, fcm: FcmSender) -> None:
    fids = [Target(n, f"c{n:021d}", "fid") for n in range(5)]
    assert outcomes(send(fcm, Platform.ANDROID, fids)) == {Outcome.ACCEPTED: 5}
    assert sim.received() == {fid.token: 1 for fid in fids}


@pytest.mark.parametrize(
    ("prefix", "outcome", "on_apns", "on_fcm"),
    [
        ("dead", Outcome.GONE, "Unregistered", "UNREGISTERED"),
        ("bad0", Outcome.MISROUTED, "BadDeviceToken", "INVALID_ARGUMENT"),
        ("f00d", Outcome.MISROUTED, "DeviceTokenNotForTopic", "SENDER_ID_MISMATCH"),
        ("0429", Outcome.THROTTLED, "TooManyRequests", "QUOTA_EXCEEDED"),
        ("0500", Outcome.UNAVAILABLE, "InternalServerError", "INTERNAL"),
        ("0503", Outcome.UNAVAILABLE, "ServiceUnavailable", "UNAVAILABLE"),
    ],
)
def test_troubled_devices_are_told_apart_from_their_neighbours(
    apns: ApnsSender, fcm: FcmSender, prefix: str, outcome: Outcome, on_apns: str, on_fcm: str
) -> None:
    for sender, platform, make, reason in (
        (apns, Platform.IOS, apns_targets, on_apns),
        (fcm, Platform.ANDROID, fcm_targets, on_fcm),
    ):
        verdicts = send(sender, platform, [*make(20), *make(2, prefix), *make(20, "a2")])
        assert outcomes(verdicts) == {Outcome.ACCEPTED: 40, outcome: 2}
        assert {verdict.reason for verdict in verdicts[20:22]} == {reason}


def test_a_dead_apns_token_tells_since_when(sim: Simulator, apns: ApnsSender) -> None:
    sim.rules([{"action": {"reason": "Unregistered", "dead_since": 1_789_000_000_123}}])
    [verdict] = send(apns, Platform.IOS, apns_targets(1))
    assert verdict.dead_since == 1_789_000_000_123


def test_quota_answers_pause_the_route_in_both_forms(sim: Simulator, fcm: FcmSender) -> None:
    for date in (False, True):
        action = {"reason": "QUOTA_EXCEEDED", "retry_after": 30, "retry_after_date": date}
        sim.rules([{"action": action}])
        [verdict] = send(fcm, Platform.ANDROID, fcm_targets(1))
        assert verdict.route is RouteAction.PAUSE
        assert verdict.retry_after is not None
        assert 25 <= verdict.retry_after <= 31


def test_a_batch_that_is_too_large_is_refused_by_the_provider_as_by_us(apns: ApnsSender) -> None:
    content = Content.from_publish("x" * 5_000)
    [verdict] = send(apns, Platform.IOS, apns_targets(1), content)
    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "PayloadTooLarge")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key_id": "ZZZZZZZZZZ"}, "InvalidProviderToken"),
        ({"team_id": "ZZZZZZZZZZ"}, "InvalidProviderToken"),
    ],
)
def test_a_wrong_key_holds_the_route(sim: Simulator, changes: dict[str, str], reason: str) -> None:
    values = {"key_id": sim.key_id, "team_id": sim.team_id, "topic": sim.topic}
    credential = ApnsCredential.from_key_file(
        sim.key_file, **{**values, "url": sim.apns_url, **changes}
    )
    sender = ApnsSender(credential, ca_file=str(sim.ca_file), timeout=5)
    [verdict] = send(sender, Platform.IOS, apns_targets(1))
    sender.close()
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert verdict.reason == reason


def test_goaway_in_the_middle_of_a_batch_loses_and_repeats_nothing(
    sim: Simulator, apns: ApnsSender
) -> None:
    sim.rules([{"match": {"every": 100}, "action": {"goaway": "Shutdown"}}])
    verdicts = send(apns, Platform.IOS, apns_targets())
    assert sum(outcomes(verdicts).values()) == COUNT
    assert sim.duplicates() == []
    accepted = [v.outcome for v in verdicts].count(Outcome.ACCEPTED)
    assert accepted == len(sim.received())


def test_a_cut_after_acceptance_is_unknown_and_not_repeated(sim: Simulator, fcm: FcmSender) -> None:
    verdicts = send(fcm, Platform.ANDROID, [*fcm_targets(3), *fcm_targets(1, "c0de")])
    assert verdicts[3].outcome is Outcome.UNKNOWN
    assert sim.duplicates() == []
