"""The simulated push service: clients that we did not write pass, what breaks a rule does not."""

import time
from collections.abc import Iterator

import pytest
import requests
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush

from push_pipeline.content import Content
from push_pipeline.credentials import WebPushCredential
from push_pipeline.outcome import CONSEQUENCES, DeviceAction, Outcome, RouteAction
from push_pipeline.platform import Platform
from push_pipeline.web_push import Origin, Subscription, read_subscription
from push_workers.senders.base import Target
from push_workers.senders.webpush.encryption import encrypt
from push_workers.senders.webpush.payload import render
from push_workers.senders.webpush.sender import WebPushSender
from push_workers.senders.webpush.token import VapidTokens
from push_workers.simulator import Simulator
from push_workers.simulator.webpush.browser import subscription
from push_workers.simulator.webpush.refusals import VENDORS

CREDENTIAL = WebPushCredential.generate("mailto:push@example.com")
PEM = CREDENTIAL.key_pem.encode()


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[Simulator]:
    with Simulator() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim: Simulator) -> Simulator:
    return shared_sim.reset()


@pytest.fixture
def sender(sim: Simulator) -> Iterator[WebPushSender]:
    host = sim.webpush_url.removeprefix("https://")
    made = WebPushSender(CREDENTIAL, hosts=[host], ca_file=str(sim.ca_file), timeout=20)
    yield made
    made.close()


def browser(sim: Simulator, token: str, vendor: str = "mozilla") -> Subscription:
    host = sim.webpush_url.removeprefix("https://")
    return read_subscription(subscription(sim.webpush_url, vendor, token), [host])


def verdicts_on(sender: WebPushSender, *browsers: Subscription):
    content = Content.from_publish("Hello", {"mid": "m1", "web-topic": "news"})
    said = {"message_id": "M1", "collapse_id": "R1", "expires_at": None, "now": time.time()}
    targets = [Target(n, one.token, "web") for n, one in enumerate(browsers)]
    ids = [str(n) for n in range(len(targets))]
    return sender.send(render(content, Platform.OSX, **said), targets, ids)


def test_what_we_send_is_opened_once_by_each_browser(sim, sender):
    tokens = [f"browser-{vendor}-{n}" for vendor in VENDORS for n in range(5)]
    browsers = [browser(sim, token, token.split("-")[1]) for token in tokens]
    assert {one.outcome for one in verdicts_on(sender, *browsers)} == {Outcome.ACCEPTED}
    assert sim.received() == dict.fromkeys(tokens, 1)
    assert sim.duplicates() == []
    assert {entry["id"] for entry in sim.log()} == {"m1"}


def post(sim, token: str, vendor: str = "mozilla", *, key=PEM, sub="mailto:me@example.com", **more):
    """Push with pywebpush."""
    session = requests.Session()
    session.trust_env, session.verify = False, str(sim.ca_file)
    given = subscription(sim.webpush_url, vendor, token)
    return webpush(
        given,
        "Hello",
        vapid_private_key=Vapid02.from_pem(key),
        vapid_claims={"sub": sub},
        requests_session=session,
        **{"ttl": 60, "timeout": 20, **more},
    )


def test_pywebpush_is_understood(sim):
    assert post(sim, "browser-1").status_code == 201
    assert sim.received() == {"browser-1": 1}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_subscription_of_another_key_concerns_itself_alone(sim, sender, vendor):
    another = WebPushCredential.generate("mailto:push@example.com").key_pem.encode()
    assert post(sim, "stale", "apple", key=another).status_code == 201  # made with that key
    with pytest.raises(WebPushException):
        post(sim, "stale", vendor)
    verdicts = verdicts_on(sender, browser(sim, "stale", vendor), browser(sim, "fresh", vendor))
    # Microsoft names no cause; but another was taken with the same signature.
    assert verdicts[0].outcome is Outcome.MISROUTED
    assert verdicts[0].route is RouteAction.KEEP
    assert verdicts[1].outcome is Outcome.ACCEPTED


def test_a_refusal_without_a_cause_holds_a_route_that_nothing_was_taken_on(sim, sender):
    another = WebPushCredential.generate("mailto:push@example.com").key_pem.encode()
    assert post(sim, "stale", "microsoft", key=another).status_code == 201
    (verdict,) = verdicts_on(sender, browser(sim, "stale", "microsoft"))
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert verdicts_on(sender, browser(sim, "fresh", "microsoft"))[0].outcome is Outcome.ACCEPTED
    (verdict,) = verdicts_on(sender, browser(sim, "stale", "microsoft"))
    assert (verdict.outcome, verdict.route) == (Outcome.MISROUTED, RouteAction.KEEP)


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendor_says_that_a_browser_is_gone(sim, sender, vendor):
    gone, there = verdicts_on(sender, browser(sim, "dead", vendor), browser(sim, "here", vendor))
    assert (gone.outcome, there.outcome) == (Outcome.GONE, Outcome.ACCEPTED)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_signature_that_is_refused_holds_the_route_and_retires_nobody(sim, sender, vendor):
    sim.rules([{"match": {"provider": "webpush"}, "action": {"reason": "BadSignature"}}])
    (verdict,) = verdicts_on(sender, browser(sim, "browser-1", vendor))
    assert (verdict.outcome, verdict.route) == (Outcome.MISCONFIGURED, RouteAction.HOLD)
    assert CONSEQUENCES[verdict.outcome].device is DeviceAction.KEEP


def test_who_asks_to_wait(sim, sender):
    sim.rules([{"match": {"prefix": "all"}, "action": {"status": 503}}])
    (down,) = verdicts_on(sender, browser(sim, "all-1"))
    assert (down.outcome, down.retry_after, down.route) == (
        Outcome.UNAVAILABLE,
        120.0,
        RouteAction.PAUSE,
    )
    (many,) = verdicts_on(sender, browser(sim, "0429"))
    assert (many.outcome, many.retry_after, many.route) == (
        Outcome.THROTTLED,
        1.0,
        RouteAction.PAUSE,
    )


def headers_of(sim, **changes: str | None) -> dict[str, str]:
    port = int(sim.webpush_url.rpartition(":")[2])
    signed = VapidTokens(CREDENTIAL).authorization(Origin("localhost", port)).decode()
    told = {"authorization": signed, "ttl": "60", "content-encoding": "aes128gcm"}
    told |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in told.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"urgency": "very-low", "topic": "news"}, 201),
        ({"ttl": None}, 400),
        ({"ttl": "-1"}, 400),
        ({"ttl": "soon"}, 400),
        ({"urgency": "urgent"}, 400),
        ({"topic": "new_event"}, 400),
        ({"topic": "x" * 33}, 400),
        ({"content_encoding": "aesgcm"}, 400),
        ({"content_encoding": None}, 400),
        ({"authorization": None}, 401),
        ({"authorization": "Bearer x"}, 401),
        ({"authorization": "vapid t=a.b.c,k=AAAA"}, 401),
    ],
)
def test_what_the_rfcs_ask_of_a_request(sim, changes, status):
    keys = browser(sim, "browser-1")
    body = encrypt(b"{}", keys.p256dh, keys.auth)
    told = headers_of(sim, **changes)
    reply = requests.post(keys.endpoint, body, headers=told, verify=str(sim.ca_file), timeout=20)
    assert reply.status_code == status
    assert sim.received() == ({"browser-1": 1} if status == 201 else {})


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"aud": "https://other.example"}, "of another service"),
        ({"exp": int(time.time()) + 90_000}, "for more than a day"),
        ({"exp": int(time.time()) - 60}, "ended"),
        ({"sub": "mailto:me@localhost"}, "of nobody"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_whose_signature_is_believed(sim, claims, name):
    aud = {"aud": sim.webpush_url, "exp": int(time.time()) + 600, "sub": "mailto:me@example.com"}
    signed = Vapid02.from_pem(PEM).sign({**aud, **claims})["Authorization"]
    keys = browser(sim, "browser-1", "apple")
    reply = requests.post(
        keys.endpoint,
        encrypt(b"{}", keys.p256dh, keys.auth),
        headers=headers_of(sim, authorization=signed),
        verify=str(sim.ca_file),
        timeout=20,
    )
    assert (reply.status_code, reply.json()) == (403, {"reason": "BadJwtToken"})


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: body + b"x" * 4096, 413),
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), 400),
        (lambda body: body[:50], 400),
        (lambda body: body[:0], 400),
        (lambda body: body[:20] + b"\0" + body[21:], 400),
    ],
    ids=["too large", "changed", "cut", "empty", "without a key"],
)
def test_a_body_that_its_browser_cannot_open(sim, change, status):
    keys = browser(sim, "browser-1")
    reply = requests.post(
        keys.endpoint,
        change(encrypt(b"{}", keys.p256dh, keys.auth)),
        headers=headers_of(sim),
        verify=str(sim.ca_file),
        timeout=20,
    )
    assert reply.status_code == status
    assert sim.received() == {}
