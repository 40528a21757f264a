"""The Web Push sender over real TLS and HTTP/2: what browsers can open, and whom it connects to."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from py_vapid import Vapid02

from push_pipeline.content import Content
from push_pipeline.credentials import WebPushCredential
from push_pipeline.outcome import Outcome, RouteAction, Verdict
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered, Target
from push_workers.senders.webpush.payload import render
from push_workers.senders.webpush.sender import WebPushSender
from tests.integration.senders_stand import Answer, Request, Stand, stand
from tests.unit.senders.browser import Browser

CREDENTIAL = WebPushCredential.generate("mailto:push@example.com")
MISMATCH = b'{"reason":"VapidPkHashMismatch"}'

ANSWERS = {
    "taken": Answer(201),
    "gone": Answer(410),
    "mismatch": Answer(403, MISMATCH),
    "signature": Answer(403, b'{"reason":"BadJwtToken"}'),
    "large": Answer(413),
    "wait": Answer(429, b"", {"retry-after": "30"}),
}


def by_path(request: Request) -> Answer:
    return ANSWERS[request.path.split("/")[2]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, by_path) as served:
        yield served


@pytest.fixture
def senders() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def sender(stack: ExitStack, served: Stand, *hosts: str) -> WebPushSender:
    made = WebPushSender(
        CREDENTIAL, hosts=hosts or (f"localhost:{served.port}",), ca_file=served.ca_file, timeout=20
    )
    stack.callback(made.close)
    return made


def rendered(text: str = "Hello", **headers: object) -> Rendered:
    content = Content.from_publish(text, {k.replace("_", "-"): v for k, v in headers.items()})
    said = {"message_id": "M1", "collapse_id": "R1", "expires_at": None, "now": 0.0}
    return render(content, Platform.OSX, **said)


def send(to: WebPushSender, browsers: list[Browser], what: Rendered | None = None) -> list[Verdict]:
    targets = [Target(n, one.subscription.token, "web") for n, one in enumerate(browsers)]
    return to.send(what or rendered(), targets, [str(n) for n in range(len(targets))])


def browsers_at(base: str, *names: str) -> list[Browser]:
    return [Browser(f"{base}/push/{name}/{n}?x=%2f") for n, name in enumerate(names)]


def test_each_browser_opens_its_own(server: Stand, senders: ExitStack) -> None:
    browsers = browsers_at(server.url, *["taken"] * 40)
    verdicts = send(sender(senders, server), browsers, rendered("Hello", web_topic="news"))
    assert {one.outcome for one in verdicts} == {Outcome.ACCEPTED}
    by_endpoint = {server.url + request.path: request for request in server.requests}
    assert len(by_endpoint) == 40
    for browser in browsers:
        request = by_endpoint[browser.subscription.endpoint]
        said = json.loads(browser.open(request.body))
        assert said["notification"]["title"] == "Hello"
        assert request.headers["ttl"] == "2419200"
        assert request.headers["topic"] == "news"
        assert request.headers["content-encoding"] == "aes128gcm"
        assert Vapid02.verify(request.headers["authorization"])


def test_each_answer_is_its_own(server: Stand, senders: ExitStack) -> None:
    names = ("taken", "gone", "mismatch", "large")
    verdicts = send(sender(senders, server), browsers_at(server.url, *names))
    assert [one.outcome for one in verdicts] == [
        Outcome.ACCEPTED,
        Outcome.GONE,
        Outcome.MISROUTED,
        Outcome.REJECTED,
    ]
    (held,) = send(sender(senders, server), browsers_at(server.url, "signature"))
    assert (held.outcome, held.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    (waits,) = send(sender(senders, server), browsers_at(server.url, "wait"))
    assert (waits.retry_after, waits.route) == (30.0, RouteAction.PAUSE)


def test_what_is_not_sent_at_all(server: Stand, senders: ExitStack) -> None:
    ours = sender(senders, server)
    good, *_ = browsers_at(server.url, "taken")
    elsewhere = Browser("https://push.example.com/x")
    targets = [
        Target(1, good.subscription.token, "web"),
        Target(2, elsewhere.subscription.token, "web"),
        Target(3, f"{server.url}/x#AAAA.AAAA", "web"),
        Target(4, "no subscription", "web"),
    ]
    verdicts = ours.send(rendered(), targets, ["1", "2", "3", "4"])
    assert [one.reason for one in verdicts] == [
        None,
        "PushServiceNotAllowed",
        "MalformedToken",
        "MalformedToken",
    ]
    (large,) = send(ours, [good], rendered("x" * 4000))
    assert (large.outcome, large.reason) == (Outcome.REJECTED, "PayloadTooLarge")
    assert len(server.requests) == 1


def test_no_private_address_is_connected_to(
    server: Stand, senders: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that the operator allows, and that a stranger lets point here."""
    monkeypatch.setattr("socket.getaddrinfo", _points_to(server.port))
    (verdict,) = send(sender(senders, server, "*"), [Browser("https://rebind.example.com/x")])
    assert (verdict.outcome, verdict.reason) == (Outcome.UNAVAILABLE, "PrivateAddress")
    assert not server.connections


def test_one_that_is_slow_delays_no_other(tmp_path: Path, senders: ExitStack) -> None:
    asked = threading.Event()

    def answer(request: Request) -> Answer:
        if request.headers[":authority"].startswith("localhost"):
            return Answer(201) if asked.wait(30) else Answer(500)
        asked.set()  # only then does the slow one answer
        return Answer(201)

    with stand(tmp_path, answer) as served:
        hosts = [f"{name}:{served.port}" for name in ("localhost", "127.0.0.1")]
        ours = sender(senders, served, *hosts)
        verdicts = send(ours, [Browser(f"https://{host}/x") for host in hosts])
        ours.close()
    assert [one.outcome for one in verdicts] == [Outcome.ACCEPTED] * 2


def _points_to(port: int):
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    return resolve
