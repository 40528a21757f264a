"""Every reason that Apple documents can be had from the simulator, and by the right cause."""

import json
import time
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from push_workers.simulator import Simulator
from push_workers.simulator.apns.reasons import STATUS
from tests.integration.simulator_peer import TOKEN, ApnsPeer, provider_token


@pytest.fixture(scope="module")
def shared_sim():
    with Simulator(initial_streams=100) as sim:
        yield sim


@pytest.fixture
def sim(shared_sim):
    return shared_sim.reset()


@pytest.fixture
def peer(sim):
    with ApnsPeer(sim) as peer:
        yield peer


def new_key() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def signed_by_new_key(sim, **key) -> str:
    private, public = new_key()
    key = {"key_id": "OTHERKEY01", "team_id": sim.team_id, "public_key": public} | key
    sim.keys([key])
    return "bearer " + provider_token(
        sim, key=private, kid=key["key_id"], claims={"iss": key["team_id"]}
    )


#: What a sender does wrong -> Apple's reason. One request decides each.
WRONG_REQUESTS = {
    "BadCollapseId": {"apns_collapse_id": "é" * 33},
    "BadDeviceToken": {"token": "not-hex!"},
    "BadExpirationDate": {"apns_expiration": "1.5"},
    "BadMessageId": {"apns_id": uuid4().hex},
    "BadPriority": {"apns_priority": "7"},
    "BadTopic": {"apns_push_type": "voip"},
    "InvalidPushType": {"apns_push_type": "shout"},
    "MissingDeviceToken": {"token": ""},
    "MissingTopic": {"apns_topic": None},
    "PayloadEmpty": {"body": b""},
    "TopicDisallowed": {"apns_topic": "com.example.other"},
    "InvalidProviderToken": {"authorization": "bearer a.b.c"},
    "MissingProviderToken": {"authorization": None},
    "BadPath": {"token": "ab/cd"},
    "PayloadTooLarge": {"body": {"aps": {"alert": "x" * 4096}}},
}


@pytest.mark.parametrize("reason", WRONG_REQUESTS)
def test_a_wrong_request_gets_apples_reason_and_status(peer, reason):
    reply = peer.ask(**WRONG_REQUESTS[reason])

    assert (reply.status, reply.reason) == (STATUS[reason], reason)
    assert "apns-id" in reply.headers


@pytest.mark.parametrize("reason", STATUS)
def test_every_reason_can_be_asked_for_by_a_rule(sim, peer, reason):
    sim.rules([{"action": {"reason": reason}}])

    reply = peer.ask()

    assert (reply.status, reply.reason) == (STATUS[reason], reason)
    assert ("timestamp" in json.loads(reply.body)) == (reply.status == 410)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("dead", "Unregistered"), ("0410", "ExpiredToken"), ("bad0", "BadDeviceToken"),
        ("f00d", "DeviceTokenNotForTopic"), ("0429", "TooManyRequests"),
        ("0500", "InternalServerError"), ("0503", "ServiceUnavailable"),
    ],
)  # fmt: skip
def test_a_magic_prefix_needs_no_setup(peer, prefix, reason):
    reply = peer.ask(prefix + "ab" * 30)

    assert (reply.status, reply.reason) == (STATUS[reason], reason)


def test_magic_can_be_switched_off(sim, peer):
    sim.behave(magic=False)

    assert peer.ask("dead" + "ab" * 30).status == 200


def test_a_collapse_id_is_measured_in_bytes(peer):
    assert peer.ask(apns_collapse_id="é" * 32).status == 200


def test_a_repeated_header_is_a_duplicate(sim, peer):
    auth = ("authorization", f"bearer {provider_token(sim)}")
    topic = ("apns-topic", sim.topic)

    reply = peer.reply(peer.post(f"/3/device/{TOKEN}", [auth, topic, topic], b"{}"))

    assert reply.reason == "DuplicateHeaders"


def test_only_post_is_allowed(peer):
    reply = peer.reply(peer.post(f"/3/device/{TOKEN}", [], b"", method="GET"))

    assert (reply.status, reply.reason) == (405, "MethodNotAllowed")


def test_background_with_priority_ten_or_none_is_a_bad_priority(peer):
    assert peer.ask(apns_push_type="background").reason == "BadPriority"
    assert peer.ask(apns_push_type="background", apns_priority="10").reason == "BadPriority"
    body = {"aps": {"content-available": 1}, "sync": "inbox"}
    asked = {"apns_push_type": "background", "apns_priority": "5"}
    assert peer.ask(**asked, body=body).status == 200


@pytest.mark.parametrize("key", ["alert", "badge", "sound", "thread-id"])
def test_a_background_push_that_holds_more_does_not_match_its_type(peer, key):
    body = {"aps": {"content-available": 1, key: 1}}
    asked = {"apns_push_type": "background", "apns_priority": "5"}
    assert peer.ask(**asked, body=body).reason == "InvalidPushType"


def test_voip_may_be_a_kilobyte_larger(peer):
    body = {"aps": {}, "x": "x" * 4200}

    assert peer.ask(body=body).reason == "PayloadTooLarge"
    topic = f"{peer.sim.topic}.voip"
    assert peer.ask(body=body, apns_topic=topic, apns_push_type="voip").status == 200


@pytest.mark.parametrize("age", [3700, -3700])
def test_a_provider_token_is_expired_an_hour_before_and_after(sim, peer, age):
    token = provider_token(sim, claims={"iat": int(time.time()) - age})

    assert peer.ask(authorization=f"bearer {token}").reason == "ExpiredProviderToken"


def test_a_provider_token_of_the_right_key_but_the_wrong_team_is_invalid(sim, peer):
    token = provider_token(sim, claims={"iss": "OTHERTEAM1"})

    assert peer.ask(authorization=f"bearer {token}").reason == "InvalidProviderToken"


@pytest.mark.parametrize("spelling", ["BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken"])
def test_a_key_of_the_other_environment_is_refused_in_either_spelling(sim, peer, spelling):
    sim.behave(environment_reason=spelling)
    authorization = signed_by_new_key(sim, environment="sandbox")

    assert peer.ask(authorization=authorization).reason == spelling


def test_a_second_team_on_a_connection_is_forbidden(sim, peer):
    assert peer.ask().status == 200

    authorization = signed_by_new_key(sim, team_id="OTHERTEAM1")

    assert peer.ask(authorization=authorization).reason == "Forbidden"


def test_an_unrelated_key_of_the_team_needs_a_connection_of_its_own(sim, peer):
    authorization = signed_by_new_key(sim)

    assert peer.ask().status == 200
    assert peer.ask(authorization=authorization).reason == "UnrelatedKeyIdInToken"
    with ApnsPeer(sim) as other:
        assert other.ask(authorization=authorization).status == 200


def test_a_new_provider_token_too_soon_is_refused_and_the_old_one_stays_good(sim, peer):
    other = provider_token(sim, claims={"iat": int(time.time()) - 60})

    assert peer.ask().status == 200
    refused = peer.ask(authorization=f"bearer {other}")
    assert (refused.status, refused.reason) == (429, "TooManyProviderTokenUpdates")
    assert peer.ask().status == 200


def test_updates_may_be_counted_per_key_over_all_connections(sim, peer):
    sim.behave(token_updates_per_key=True)
    other = provider_token(sim, claims={"iat": int(time.time()) - 60})

    assert peer.ask().status == 200
    with ApnsPeer(sim) as second:
        refused = second.ask(authorization=f"bearer {other}")
    assert refused.reason == "TooManyProviderTokenUpdates"


def test_a_registered_token_belongs_to_its_environment_and_topic(sim, peer):
    sim.devices(
        [
            {"token": "aa01", "environment": "sandbox"},
            {"token": "aa02", "topic": "com.example.other"},
            {"token": "aa03", "state": "dead", "dead_since": 1_700_000_000_000},
            {"token": "aa04", "state": "expired", "dead_since": 5},
        ]
    )

    replies = [peer.ask(token) for token in ("aa01", "aa02", "aa03", "aa04")]

    assert [reply.reason for reply in replies] == [
        "BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered", "ExpiredToken",
    ]  # fmt: skip
    assert json.loads(replies[2].body)["timestamp"] == 1_700_000_000_000


def test_too_many_pushes_to_one_device_are_refused(sim, peer):
    sim.behave(apns_device_per_minute=2)

    statuses = [peer.ask().status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert peer.ask("cd" * 32).status == 200


def test_a_client_certificate_stands_for_token_and_topic(sim):
    with ApnsPeer(sim, certificate=True) as peer:
        assert peer.ask(authorization=None, apns_topic=None).status == 200
        other = peer.ask(authorization=None, apns_topic="com.example.other")
        assert other.reason == "TopicDisallowed"


def test_the_apns_id_is_echoed_and_a_made_one_is_upper_case(sim, peer):
    given = str(uuid4())

    assert peer.ask(apns_id=given).headers["apns-id"] == given
    made = peer.ask().headers["apns-id"]
    assert made == made.upper()
    sim.behave(apns_id_case="swap")
    assert peer.ask(apns_id=given).headers["apns-id"] == given.swapcase()


def test_the_sandbox_gives_a_unique_id_as_well(sim, peer):
    assert "apns-unique-id" not in peer.ask().headers
    sim.behave(environment="sandbox")
    assert "apns-unique-id" in peer.ask().headers


def test_an_offline_device_keeps_the_newest_notification_only(sim, peer):
    device = {"token": TOKEN, "online": False}
    sim.devices([device])
    for n in range(3):
        assert peer.ask(body={"n": n}).status == 200
    assert peer.ask(body={"n": 9}, apns_expiration="0").status == 200

    sim.devices([device | {"online": True}])

    screen = sim.device(TOKEN)["screens"][sim.topic]
    assert [json.loads(shown["payload"])["n"] for shown in screen["shown"]] == [2]
    assert screen["lost"] == 3


def test_a_repeat_with_the_same_collapse_id_is_shown_once_and_rings_twice(sim, peer):
    sim.devices([{"token": TOKEN}])
    for _ in range(2):
        peer.ask(apns_collapse_id="order-7")

    screen = sim.device(TOKEN)["screens"][sim.topic]

    assert len(screen["shown"]) == 1
    assert screen["alerts"] == 2


def test_the_same_seed_and_requests_give_the_same_answers():
    def run() -> list[tuple[int, str]]:
        with Simulator(seed=7) as sim, ApnsPeer(sim) as peer:
            sim.rules([{"match": {"probability": 0.5}, "action": {"status": 503}}])
            replies = [peer.ask(f"ab{n:04x}") for n in range(40)]
            return [(reply.status, reply.headers["apns-id"]) for reply in replies]

    first = run()

    assert first == run()
    assert {status for status, _ in first} == {200, 503}
