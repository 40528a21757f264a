"""The APNs sender over real TLS and HTTP/2: what it sends, and what it makes of the answers."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from push_pipeline.content import Content
from push_pipeline.credentials import ApnsCredential
from push_pipeline.outcome import Outcome, RouteAction
from push_pipeline.platform import Platform
from push_workers.senders.apns.payload import render
from push_workers.senders.apns.sender import ApnsSender
from push_workers.senders.base import Rendered, Target
from tests.counted import counted
from tests.integration.senders_stand import Answer, Request, Stand, json_answer, stand
from tests.unit.senders.providers import KEY_ID, TEAM_ID, TOPIC, apns_credential, certificate

OK = Answer(200)


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, lambda _: OK) as server:
        yield server


@pytest.fixture
def credential(apns: Stand) -> ApnsCredential:
    return apns_credential(url=apns.url)


@pytest.fixture
def sender(apns: Stand, credential: ApnsCredential) -> Iterator[ApnsSender]:
    made = ApnsSender(credential, ca_file=apns.ca_file, timeout=5)
    yield made
    made.close()


def rendered(platform: Platform = Platform.IOS, **headers: object) -> Rendered:
    content = Content.from_publish("Hello", headers)
    return render(content, platform, message_id="m1", collapse_id="run-1", expires_at=None, now=0)


def devices(count: int) -> list[Target]:
    return [Target(n, f"{n:064x}", "apns") for n in range(1, count + 1)]


def ids(count: int) -> list[str]:
    return [str(uuid.UUID(int=n)) for n in range(1, count + 1)]


def test_every_device_gets_its_own_path_and_id(apns: Stand, sender: ApnsSender) -> None:
    verdicts = sender.send(rendered(), devices(300), ids(300))
    assert [verdict.provider_id for verdict in verdicts] == ids(300)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    paths = {request.path: request.headers["apns-id"] for request in apns.requests}
    expected = zip(devices(300), ids(300), strict=True)
    assert paths == {f"/3/device/{target.token}": number for target, number in expected}
    assert len(apns.requests) == 300


def test_a_request_is_what_apple_asks_for(
    apns: Stand, sender: ApnsSender, credential: ApnsCredential
) -> None:
    sender.send(rendered(), devices(1), ids(1))
    [request] = apns.requests
    assert request.headers[":method"] == "POST"
    assert request.headers["apns-topic"] == TOPIC
    assert request.headers["apns-push-type"] == "alert"
    assert request.headers["apns-priority"] == "10"
    assert request.headers["apns-collapse-id"] == "run-1"
    assert json.loads(request.body)["aps"] == {"alert": {"body": "Hello"}}
    token = request.headers["authorization"].removeprefix("bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID}
    claims = jwt.decode(token, _public_key(credential), algorithms=["ES256"])
    assert claims == {"iss": TEAM_ID, "iat": int(time.time() // 1800) * 1800}


def test_macos_devices_may_have_a_topic_of_their_own(apns: Stand) -> None:
    credential = apns_credential(url=apns.url, mac_topic="com.example.mac")
    sender = ApnsSender(credential, ca_file=apns.ca_file, timeout=5)
    sender.send(rendered(Platform.OSX), devices(1), ids(1))
    sender.send(rendered(Platform.IOS), devices(1), ids(1))
    sender.close()
    assert [request.headers["apns-topic"] for request in apns.requests] == [
        "com.example.mac",
        TOPIC,
    ]


def test_each_device_has_the_verdict_of_its_own_answer(apns: Stand, sender: ApnsSender) -> None:
    answers = {
        1: OK,
        2: json_answer(410, {"reason": "Unregistered", "timestamp": 1_789_000_000_123}),
        3: json_answer(400, {"reason": "BadDeviceToken"}),
        4: json_answer(429, {"reason": "TooManyRequests"}, **{"retry-after": "30"}),
        5: Answer(500),
        6: json_answer(403, {"reason": "InvalidProviderToken"}),
    }
    apns.script = lambda request: answers[int(request.path.rpartition("/")[2], 16)]
    verdicts = sender.send(rendered(), devices(6), ids(6))
    assert [verdict.outcome for verdict in verdicts] == [
        Outcome.ACCEPTED,
        Outcome.GONE,
        Outcome.MISROUTED,
        Outcome.THROTTLED,
        Outcome.UNAVAILABLE,
        Outcome.MISCONFIGURED,
    ]
    assert verdicts[1].dead_since == 1_789_000_000_123
    assert verdicts[3].retry_after == 30
    assert verdicts[5].route is RouteAction.HOLD
    assert [verdict.provider_id for verdict in verdicts] == ids(6)


@pytest.mark.parametrize("status_and_reason", [(403, "ExpiredProviderToken"), (503, "Shutdown")])
def test_what_a_fresh_connection_cures_goes_once_more(
    apns: Stand, sender: ApnsSender, status_and_reason: tuple[int, str]
) -> None:
    status, reason = status_and_reason
    refused: list[Request] = []

    def refuse_once(request: Request) -> Answer:
        if request.path in {earlier.path for earlier in refused}:
            return OK
        refused.append(request)
        return json_answer(status, {"reason": reason})

    apns.script = refuse_once
    verdicts = sender.send(rendered(), devices(3), ids(3))
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert len(apns.requests) == 6
    assert {request.connection for request in apns.requests[3:]}.isdisjoint(
        request.connection for request in refused
    )


def test_a_provider_token_that_stays_refused_holds_the_route(
    apns: Stand, sender: ApnsSender
) -> None:
    apns.script = lambda _: json_answer(403, {"reason": "ExpiredProviderToken"})
    [verdict] = sender.send(rendered(), devices(1), ids(1))
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert len(apns.requests) == 2


def test_a_token_that_cannot_stand_in_a_path_is_never_sent(apns: Stand, sender: ApnsSender) -> None:
    odd = ["", "a/../b", "a b", "a\r\nb", "ключ", "a?b", "\ud800", "a" * 5_000]
    targets = [*(Target(n, token, "apns") for n, token in enumerate(odd)), *devices(1)]
    verdicts = sender.send(rendered(), targets, ids(9))
    assert [verdict.reason for verdict in verdicts] == ["MalformedToken"] * 8 + [None]
    assert {verdict.outcome for verdict in verdicts[:8]} == {Outcome.MISROUTED}
    assert len(apns.requests) == 1


def test_no_answer_is_unknown_and_never_sent_again(apns: Stand, credential: ApnsCredential) -> None:
    apns.script = lambda request: Answer(0) if request.path.endswith("2") else OK
    sender = ApnsSender(credential, ca_file=apns.ca_file, timeout=1)
    verdicts = sender.send(rendered(), devices(3), ids(3))
    sender.close()
    assert [v.outcome for v in verdicts] == [Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.ACCEPTED]
    assert len(apns.requests) == 3


def test_a_dead_host_sends_nothing_and_says_so(apns: Stand, tmp_path: Path) -> None:
    with stand(tmp_path, lambda _: OK) as gone:
        url = gone.url
    sender = ApnsSender(apns_credential(url=url), ca_file=apns.ca_file, timeout=2)
    verdicts = sender.send(rendered(), devices(3), ids(3))
    sender.close()
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
    assert all(verdict.reason for verdict in verdicts)


def test_a_server_that_nobody_vouches_for_gets_nothing(
    apns: Stand, credential: ApnsCredential
) -> None:
    sender = ApnsSender(credential, timeout=2)
    verdicts = sender.send(rendered(), devices(2), ids(2))
    sender.close()
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
    assert apns.requests == []


def test_a_message_whose_life_has_ended_is_not_sent(apns: Stand, sender: ApnsSender) -> None:
    content = Content.from_publish("Hello")
    late = render(content, Platform.IOS, message_id="m1", collapse_id="r", expires_at=1_000, now=0)
    verdicts = sender.send(late, devices(2), ids(2))
    assert {verdict.outcome for verdict in verdicts} == {Outcome.EXPIRED}
    assert apns.requests == []


def test_a_certificate_is_shown_and_no_token_is_sent(tmp_path: Path) -> None:
    shown, key = certificate()
    trusted = tmp_path / "clients.pem"
    trusted.write_text(shown)
    with stand(tmp_path, lambda _: OK, client_ca=str(trusted)) as apns:
        credential = ApnsCredential(certificate_pem=shown + key, topic=TOPIC, url=apns.url)
        sender = ApnsSender(credential, ca_file=apns.ca_file, timeout=5)
        [verdict] = sender.send(rendered(), devices(1), ids(1))
        sender.close()
    assert verdict.outcome is Outcome.ACCEPTED
    assert len(apns.clients) == 1
    assert "authorization" not in apns.requests[0].headers


def test_nobody_to_send_to_is_no_work(apns: Stand, sender: ApnsSender) -> None:
    assert list(sender.send(rendered(), [], [])) == []
    assert apns.connections == 0


def _public_key(credential: ApnsCredential) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key((credential.key_pem or "").encode(), None).public_key()


def test_answers_and_connections_are_counted_and_never_by_a_word_of_the_peers(
    apns: Stand, sender: ApnsSender
) -> None:
    responses = "push_pipeline_provider_responses_total"
    of_apns = {"provider": "apns"}

    def seen() -> list[float]:
        labels = [("200", ""), ("410", "Unregistered"), ("400", "other")]
        return [
            *(counted(responses, status=s, reason=r, **of_apns) for s, r in labels),
            counted("push_pipeline_provider_request_seconds_count", **of_apns),
            counted("push_pipeline_provider_connections_total", **of_apns),
        ]

    answers = {
        1: json_answer(410, {"reason": "Unregistered"}),
        2: json_answer(400, {"reason": "a1"}),
    }
    apns.script = lambda request: answers.get(int(request.path[-3:], 16), OK)
    before = seen()
    sender.send(rendered(), devices(5), ids(5))

    assert [now - then for now, then in zip(seen(), before, strict=True)] == [3, 1, 1, 1, 1]
