"""Every error of FCM's v1 API can be had from the simulator, in the shape that Google gives it."""

import json
import time
from email.utils import parsedate_to_datetime

import pytest

from push_workers.simulator import Simulator
from push_workers.simulator.fcm.errors import ERRORS
from tests.integration.simulator_peer import FcmPeer

TOKEN = "abcdefghij:APA91b-" + "x" * 100
FID = "abcdefghijklmnopqrstuv"


@pytest.fixture(scope="module")
def shared_sim():
    with Simulator() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim):
    return shared_sim.reset()


@pytest.fixture
def peer(sim):
    with FcmPeer(sim) as peer:
        yield peer


def message(**fields) -> dict:
    return {"token": TOKEN, "notification": {"title": "hello"}, **fields}


def violations(reply) -> list[str]:
    assert (reply.status, reply.error["status"]) == (400, "INVALID_ARGUMENT")
    detail = reply.error["details"][0]
    assert detail["@type"].endswith("google.rpc.BadRequest")
    return [row["field"] for row in detail["fieldViolations"]]


@pytest.mark.parametrize("target", [{"token": TOKEN}, {"fid": FID}, {"topic": "news"},
                                    {"condition": "'a' in topics"}])  # fmt: skip
def test_each_kind_of_target_is_accepted_under_a_name_in_googles_form(peer, target):
    reply = peer.ask({"notification": {"title": "hello"}, **target})

    assert reply.status == 200
    name = json.loads(reply.body)["name"]
    assert name.startswith(f"projects/{peer.sim.project_id}/messages/0:")
    assert "%" in name


def test_a_dry_run_is_accepted_and_not_delivered(sim, peer):
    reply = peer.ask(message(), validate_only=True)

    assert json.loads(reply.body)["name"].endswith("/fake_message_id")
    assert sim.received() == {}


@pytest.mark.parametrize("reason", ERRORS)
def test_every_error_can_be_asked_for_by_a_rule(sim, peer, reason):
    sim.rules([{"action": {"reason": reason}}])

    reply = peer.ask(message())

    expected = ERRORS[reason]
    assert (reply.status, reply.error["status"]) == (expected.http, expected.status)
    assert reply.error_codes == ([] if expected.detail == "none" else [reason])
    assert sim.received() == {}


@pytest.mark.parametrize(
    ("prefix", "status", "reason"),
    [
        ("dead", 404, "UNREGISTERED"), ("bad0", 400, "INVALID_ARGUMENT"),
        ("f00d", 403, "SENDER_ID_MISMATCH"), ("0429", 429, "QUOTA_EXCEEDED"),
        ("0500", 500, "INTERNAL"), ("0503", 503, "UNAVAILABLE"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["token", "fid"])
def test_a_magic_prefix_needs_no_setup(peer, prefix, status, reason, kind):
    value = (prefix + FID)[:22] if kind == "fid" else prefix + TOKEN

    reply = peer.ask({kind: value})

    assert (reply.status, reply.error_codes) == (status, [reason])


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"titel": "x"}, ["message"]),
        ({"android": {"notification": {"colour": "#fff"}}}, ["message.android.notification"]),
        ({"data": {"n": 1}}, ["message.data[0].value"]),
        ({"data": {"from": "me"}}, ["message.data[0].key"]),
        ({"data": {"google.x": "1", "ok": "2"}}, ["message.data[0].key"]),
        ({"android": {"ttl": "2419201s"}}, ["message.android.ttl"]),
        ({"android": {"ttl": 5}}, ["message.android.ttl"]),
        ({"android": {"priority": "URGENT"}}, ["message.android.priority"]),
        ({"notification": {"title": 5}}, ["message.notification.title"]),
        ({"topic": "news"}, ["message"]),
        ({"token": None}, ["message"]),
    ],
)
def test_a_wrong_field_is_named(peer, wrong, fields):
    assert violations(peer.ask(message(**wrong))) == fields


def test_both_styles_of_names_are_accepted(peer):
    snake = {"android": {"collapse_key": "a", "notification": {"click_action": "b"}}}
    camel = {"android": {"collapseKey": "a", "notification": {"clickAction": "b"}}}

    assert peer.ask(message(**snake)).status == 200
    assert peer.ask(message(**camel)).status == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"message": 1}', b'{"message": {}, "x": 1}']
)
def test_a_broken_envelope_is_an_invalid_argument(peer, body):
    violations(peer.ask(body))


def test_a_payload_too_large_is_refused_without_details(peer):
    reply = peer.ask(message(data={"k": "v" * 4096}))

    assert (reply.status, reply.error_codes) == (400, [])
    assert peer.ask({"topic": "t", "data": {"k": "v" * 2048}}).status == 400
    assert peer.ask(message(data={"k": "v" * 2048})).status == 200


def test_a_malformed_target_is_the_targets_fault(peer):
    assert peer.ask(message(token="a b c")).error_codes == ["INVALID_ARGUMENT"]
    assert peer.ask({"fid": "short"}).error_codes == ["INVALID_ARGUMENT"]


def test_an_unknown_project_is_not_found_without_an_error_code(peer):
    reply = peer.ask(message(), project="no-such-project")

    assert (reply.status, reply.error["status"], reply.error_codes) == (404, "NOT_FOUND", [])


def test_a_registration_of_another_project_mismatches(sim, peer):
    sim.devices([{"token": TOKEN, "provider": "fcm", "project": "another"}])

    assert peer.ask(message()).error_codes == ["SENDER_ID_MISMATCH"]


def test_a_dead_registration_is_unregistered(sim, peer):
    sim.devices([{"token": TOKEN, "provider": "fcm", "state": "dead"}])

    assert peer.ask(message()).error_codes == ["UNREGISTERED"]


def test_a_disabled_api_says_so(sim, peer):
    sim.behave(fcm_disabled=True)

    reply = peer.ask(message())

    assert (reply.status, reply.error_codes) == (403, ["SERVICE_DISABLED"])


def test_a_broken_apple_key_hits_ios_registrations_only(sim, peer):
    sim.behave(ios_auth_broken=True)
    sim.devices([{"token": TOKEN, "provider": "fcm", "platform": "ios"}])

    assert peer.ask(message()).error_codes == ["THIRD_PARTY_AUTH_ERROR"]
    assert peer.ask(message(token="other" + TOKEN)).status == 200


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ({"headers": {"apns-priority": "7"}}, ["message.apns.headers"]),
        ({"headers": {"apns-push-type": "shout"}}, ["message.apns.headers"]),
        ({"headers": {"apns-collapse-id": "c" * 65}}, ["message.apns.headers"]),
        ({"headers": {"apns-expiration": "soon"}}, ["message.apns.headers"]),
        ({"headers": {"apns-expiration": 5}}, ["message.apns.headers[0].value"]),
        ({"payload": {"aps": []}}, ["message.apns.payload.aps"]),
        ({"payload": [], "x": 1}, ["message.apns.payload", "message.apns"]),
        (
            {
                "headers": {"apns-push-type": "background", "apns-priority": "5"},
                "payload": {"aps": {"badge": 1}},
            },
            ["message.apns.payload.aps"],
        ),
    ],
)
def test_what_apple_would_refuse_of_the_apns_block_is_named(peer, block, fields):
    assert violations(peer.ask(message(apns=block))) == fields


def test_an_iphone_is_handed_the_apns_block(sim, peer):
    sim.devices([{"token": TOKEN, "provider": "fcm", "platform": "ios"}])
    block = {"headers": {"apns-collapse-id": "c"}, "payload": {"aps": {"alert": "a"}, "n": "é"}}

    replies = [peer.ask({"token": TOKEN, "apns": block}) for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 200]
    [screen] = sim.device(TOKEN)["screens"].values()
    assert (screen["alerts"], [one["collapse"] for one in screen["shown"]]) == (2, ["c"])
    assert violations(peer.ask({"token": TOKEN, "data": {"k": "v"}})) == ["message.apns"]
    patient = {"headers": {"apns-priority": "5"}}
    assert peer.ask({"token": TOKEN, "data": {"k": "v"}, "apns": patient}).status == 200
    large = {"payload": {"aps": {"alert": "é" * 2048}}}
    assert peer.ask({"token": TOKEN, "apns": large}).status == 400


def test_retry_after_comes_as_seconds_as_a_date_or_not_at_all(sim, peer):
    sim.rules(
        [
            {"match": {"nth": [1]}, "action": {"status": 503, "retry_after": 7}},
            {"match": {"nth": [2]},
             "action": {"status": 503, "retry_after": 60, "retry_after_date": True}},
            {"match": {"nth": [3]}, "action": {"status": 429}},
        ]
    )  # fmt: skip

    seconds, date, none = (peer.ask(message()).headers.get("retry-after") for _ in range(3))

    assert seconds == "7"
    assert 50 < parsedate_to_datetime(date).timestamp() - time.time() <= 61
    assert none is None


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_error_is_a_page_of_html(sim, peer, status):
    sim.rules([{"action": {"status": status}}])

    reply = peer.ask(message())

    assert reply.status == status
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")


def test_the_projects_rate_is_limited_without_an_error_code(sim, peer):
    sim.behave(fcm_project_per_minute=2)

    replies = [peer.ask(message()) for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].error_codes == ["RATE_LIMIT_EXCEEDED"]
    assert "retry-after" not in replies[2].headers


def test_a_devices_rate_is_limited_with_a_retry_after(sim, peer):
    sim.behave(fcm_device_per_minute=1)

    assert peer.ask(message()).status == 200
    refused = peer.ask(message())
    assert (refused.error_codes, refused.headers["retry-after"]) == (["QUOTA_EXCEEDED"], "60")
    assert peer.ask(message(token="other" + TOKEN)).status == 200


# ---- OAuth -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "nobody@example.com"}, "invalid_grant"),
        ({"aud": "https://elsewhere/token"}, "invalid_grant"),
        ({"exp": 2**31}, "invalid_grant"),
        ({"iat": int(time.time()) - 9000, "exp": int(time.time()) - 5400}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
    ],
)
def test_a_wrong_assertion_is_refused(peer, changes, error):
    reply = peer.grant(**changes)

    assert reply.status == 400
    assert json.loads(reply.body)["error"] == error


def test_an_access_token_is_refused_when_it_is_wrong_expired_or_revoked(sim, peer):
    assert peer.ask(message()).status == 200
    good, peer.access_token = peer.access_token, "ya29.nonsense"
    wrong = peer.ask(message())
    peer.access_token = good
    sim.fault("clock", seconds=4000)
    expired = peer.ask(message())
    sim.fault("clock", seconds=0)
    assert peer.ask(message()).status == 200
    sim.fault("revoke-tokens")
    revoked = peer.ask(message())

    assert [r.status for r in (wrong, expired, revoked)] == [401] * 3
    assert [r.error_codes for r in (wrong, expired, revoked)] == [
        [], ["ACCESS_TOKEN_EXPIRED"], ["ACCESS_TOKEN_EXPIRED"],
    ]  # fmt: skip
    peer.access_token = ""
    assert peer.ask(message()).status == 200
    assert sim.metrics()["token_fetches"] == 2


def test_the_token_endpoint_can_fail_and_be_short_lived(sim, peer):
    sim.behave(oauth_fault="error")
    assert peer.grant().status == 500
    sim.behave(oauth_fault="", oauth_expires_in_seconds=30)
    assert json.loads(peer.grant().body)["expires_in"] == 30


# ---- topics ------------------------------------------------------------------------------


def test_a_topic_subscription_lives_from_create_to_delete(sim, peer):
    peer.ask(message())  # for the access token
    base = f"/v1/projects/{sim.project_id}/registrations/{TOKEN}/topicSubscriptions"
    headers = [("authorization", f"Bearer {peer.access_token}")]

    def call(method: str, path: str):
        return peer.reply(peer.post(base + path, headers, b"{}", method=method))

    assert call("POST", "?topic_name=news").status == 200
    assert call("POST", "?topic_name=news").status == 409
    listed = json.loads(call("GET", "").body)["topicSubscriptions"]
    assert [row["topic_name"] for row in listed] == ["news"]
    assert call("DELETE", "/news").status == 200
    assert call("DELETE", "/news").status == 404
    assert call("DELETE", "/news?allow_missing=true").status == 200
    assert call("GET", "/news").status == 404
