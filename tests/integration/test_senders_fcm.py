"""The FCM sender over real TLS and HTTP/2: what it sends, and what it makes of the answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from pyfcm import FCMNotification
from pyfcm.baseapi import BaseAPI

from push_pipeline.content import Content
from push_pipeline.credentials import FcmCredential
from push_pipeline.outcome import Outcome, RouteAction
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered, Target
from push_workers.senders.fcm.payload import render
from push_workers.senders.fcm.sender import FcmSender
from tests.integration.senders_stand import Answer, Request, Stand, json_answer, stand
from tests.unit.senders.answers_of_fcm import error, fcm, info
from tests.unit.senders.providers import service_account

EXPIRED_TOKEN = Answer(401, error(401, "UNAUTHENTICATED", info("ACCESS_TOKEN_EXPIRED")))


class Google:
    """The script of both of Google's services. Each grant gives another token."""

    def __init__(self) -> None:
        self.grants = 0
        self.token_answer: Callable[[], Answer] = self.grant
        self.send_answer: Callable[[Request], Answer] = accept

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            return self.token_answer()
        return self.send_answer(request)

    def grant(self) -> Answer:
        self.grants += 1
        value = {"access_token": f"access-{self.grants}", "expires_in": 3599}
        return json_answer(200, {**value, "token_type": "Bearer"})


def target_of(request: Request) -> str:
    message = json.loads(request.body)["message"]
    return str(message.get("token") or message.get("fid"))


def accept(request: Request) -> Answer:
    return json_answer(200, {"name": f"projects/demo-project/messages/{target_of(request)}"})


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def server(tmp_path: Path, google: Google) -> Iterator[Stand]:
    with stand(tmp_path, google) as running:
        yield running


def sender_for(server: Stand, *, timeout: float = 5) -> FcmSender:
    account = service_account(token_uri=f"{server.url}/token")
    credential = FcmCredential(service_account=account, url=server.url)
    return FcmSender(credential, ca_file=server.ca_file, timeout=timeout)


@pytest.fixture
def sender(server: Stand) -> Iterator[FcmSender]:
    made = sender_for(server)
    yield made
    made.close()


def rendered(**headers: object) -> Rendered:
    content = Content.from_publish("Hello", headers)
    return render(
        content, Platform.ANDROID, message_id="m1", collapse_id="r1", expires_at=None, now=0
    )


def devices(*names: str) -> list[Target]:
    return [Target(n, name, "token") for n, name in enumerate(names)]


def send(sender: FcmSender, targets: list[Target]) -> list[Outcome]:
    return [verdict.outcome for verdict in sender.send(rendered(), targets, [""] * len(targets))]


def sent(server: Stand) -> list[Request]:
    return [request for request in server.requests if request.path != "/token"]


def test_every_device_gets_its_own_message(
    server: Stand, sender: FcmSender, google: Google
) -> None:
    names = [f"device:{n}" for n in range(250)]
    verdicts = sender.send(rendered(), devices(*names), names)
    expected = [f"projects/demo-project/messages/{name}" for name in names]
    assert [verdict.provider_id for verdict in verdicts] == expected
    assert sorted(target_of(request) for request in sent(server)) == sorted(names)
    assert google.grants == 1


def test_a_request_is_what_google_asks_for(server: Stand, sender: FcmSender) -> None:
    sender.send(rendered(), [Target(1, "t:1", "token"), Target(2, "f1", "fid")], ["", ""])
    first, second = sorted(sent(server), key=target_of, reverse=True)
    assert first.path == "/v1/projects/demo-project/messages:send"
    assert first.headers["authorization"] == "Bearer access-1"
    assert first.headers["content-type"] == "application/json"
    message = json.loads(first.body)["message"]
    assert message == {
        "token": "t:1",
        "data": {"message": "Hello", "messageId": "m1"},
        "android": {"priority": "HIGH", "ttl": "2419200s"},
    }
    assert "notification" not in message
    assert json.loads(second.body)["message"]["fid"] == "f1"
    assert "token" not in json.loads(second.body)["message"]


def test_a_token_that_is_no_token_cannot_change_the_message(
    server: Stand, sender: FcmSender
) -> None:
    odd = ['x","topic":"all', "\\", "a\r\n\0"]
    assert send(sender, devices(*odd)) == [Outcome.ACCEPTED] * 3
    assert {target_of(request) for request in sent(server)} == set(odd)
    assert all("topic" not in json.loads(request.body)["message"] for request in sent(server))


def test_the_sign_in_is_what_google_asks_for(server: Stand, sender: FcmSender) -> None:
    send(sender, devices("a"))
    [request] = [request for request in server.requests if request.path == "/token"]
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert form["assertion"][0].count(".") == 2


def test_each_device_has_the_verdict_of_its_own_answer(sender: FcmSender, google: Google) -> None:
    answers = {
        "dead": Answer(404, error(404, "NOT_FOUND", fcm("UNREGISTERED"))),
        "foreign": Answer(403, error(403, "PERMISSION_DENIED", fcm("SENDER_ID_MISMATCH"))),
        "busy": Answer(429, error(429, "RESOURCE_EXHAUSTED", fcm("QUOTA_EXCEEDED"))),
        "down": Answer(502, b"<html>"),
    }
    google.send_answer = lambda request: answers.get(target_of(request)) or accept(request)
    assert send(sender, devices("fine", *answers)) == [
        Outcome.ACCEPTED,
        Outcome.GONE,
        Outcome.MISROUTED,
        Outcome.THROTTLED,
        Outcome.UNAVAILABLE,
    ]


def test_an_access_token_that_is_refused_is_renewed_once(
    server: Stand, sender: FcmSender, google: Google
) -> None:
    def only_the_second(request: Request) -> Answer:
        renewed = request.headers["authorization"] == "Bearer access-2"
        return accept(request) if renewed else EXPIRED_TOKEN

    google.send_answer = only_the_second
    assert send(sender, devices("a", "b", "c")) == [Outcome.ACCEPTED] * 3
    assert google.grants == 2
    assert len(sent(server)) == 6


def test_an_access_token_that_stays_refused_holds_the_route(
    server: Stand, sender: FcmSender, google: Google
) -> None:
    google.send_answer = lambda _: EXPIRED_TOKEN
    [verdict] = sender.send(rendered(), devices("a"), [""])
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert len(sent(server)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(503, b"<html>"),
        Answer(429),
        Answer(200, b"<html>"),
        Answer(200, b"{}"),
        Answer(200, b'{"access_token":"a\\r\\nb: c"}'),
        Answer(200, b'{"access_token":"a","expires_in":"soon"}'),
        Answer(200, b'{"access_token":"a","expires_in":1e300}'),
        Answer(302, b"", {"location": "https://localhost:1/token"}),
        Answer(0),
    ],
    ids=repr,
)
def test_a_token_endpoint_that_is_down_costs_no_device(
    server: Stand, sender: FcmSender, google: Google, answer: Answer
) -> None:
    google.token_answer = lambda: answer
    verdicts = sender.send(rendered(), devices("a", "b"), ["", ""])
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
    assert {verdict.reason for verdict in verdicts} == {"OAuthUnavailable"}
    assert sent(server) == []
    assert len(server.requests) == 1  # asked once: nobody sleeps and asks again


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            json_answer(400, {"error": "invalid_grant", "error_description": "me@x"}),
            "invalid_grant",
        ),
        (json_answer(401, {"error": "unauthorized_client"}), "unauthorized_client"),
        (json_answer(400, {"error": "two words"}), "OAuthRefused"),
        (Answer(404, b"<html>"), "OAuthRefused"),
        (Answer(400, b"[]"), "OAuthRefused"),
    ],
)
def test_an_account_that_google_refuses_holds_the_route(
    server: Stand, sender: FcmSender, google: Google, answer: Answer, reason: str
) -> None:
    google.token_answer = lambda: answer
    [verdict] = sender.send(rendered(), devices("a"), [""])
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert verdict.reason == reason
    assert sent(server) == []


def test_no_answer_is_unknown_and_never_sent_again(server: Stand, google: Google) -> None:
    google.send_answer = lambda request: (
        Answer(0) if target_of(request) == "mute" else accept(request)
    )
    sender = sender_for(server, timeout=1)
    assert send(sender, devices("a", "mute", "b")) == [
        Outcome.ACCEPTED,
        Outcome.UNKNOWN,
        Outcome.ACCEPTED,
    ]
    sender.close()
    assert len(sent(server)) == 3


def test_pyfcm_sends_nothing_even_if_it_could(
    monkeypatch: pytest.MonkeyPatch, sender: FcmSender
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pyfcm sends")

    for owner, name in [
        (FCMNotification, "notify"),
        (FCMNotification, "async_notify_multiple_devices"),
        (BaseAPI, "send_request"),
        (BaseAPI, "send_async_request"),
        (BaseAPI, "_get_access_token"),
    ]:
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr(BaseAPI, "requests_session", property(refuse))
    assert send(sender, devices("a")) == [Outcome.ACCEPTED]


@pytest.mark.parametrize("token", ["", "ключ", "\ud800", "x" * 5_000])
def test_what_cannot_be_a_token_is_never_sent(server: Stand, sender: FcmSender, token: str) -> None:
    [verdict] = sender.send(rendered(), devices(token), [""])
    assert (verdict.outcome, verdict.reason) == (Outcome.MISROUTED, "MalformedToken")
    assert server.requests == []
