"""The unmodified npm package `backendless` against a gateway, workers and a simulator."""

import time

import jwt
import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import seal_text
from push_pipeline.directory.access import Access, TokenRules, put_access
from push_pipeline.directory.users import put_user
from push_pipeline.settings import get_settings
from tests.acceptance.sdk.stand import IOS, IOS_TOKEN, Service, register_both

pytestmark = pytest.mark.slow  # the first of them starts a whole installation


def test_the_sdk_registers_reads_and_unregisters_a_device(service: Service) -> None:
    expires = (now_ms() // 1000 + 3600) * 1000
    registered, again, (found,), removed, gone, unknown = service.calls(
        ["registerDevice", IOS_TOKEN, ["a"], {"$date": expires}],
        ["registerDevice", IOS_TOKEN, ["b"], expires],
        ["getRegistrations"],
        ["unregisterDevice"],
        ["unregisterDevice"],
        ["getRegistrations"],
        device=IOS,
    )

    assert registered["registrationId"].endswith("::a")
    assert again["registrationId"].endswith("::b")
    assert found == {
        "id": found["id"],
        "deviceId": IOS["uuid"],
        "deviceToken": IOS_TOKEN,
        "os": "IOS",
        "osVersion": "17.1",
        "channels": ["a", "b"],
        "expiration": expires,
    }
    assert removed == {"result": True}
    assert (gone, unknown) == ((5001, 400), (5000, 400))


def test_what_the_sdk_leaves_out_of_a_registration_means_the_default(service: Service) -> None:
    for arguments in ([], [[]], ["a text, which is dropped"], [[], 0], [[], None], [[], "soon"]):
        told = service.call("registerDevice", IOS_TOKEN, *arguments, device=IOS)
        assert told["registrationId"].endswith("::default"), arguments
    ((found,),) = service.calls(["getRegistrations"], device=IOS)
    assert (found["channels"], found["expiration"]) == (["default"], None)

    published = service.call("publish", "default", "hello")

    assert service.finish(published["messageId"])["accepted"] == 1
    assert len(service.arrived(IOS_TOKEN)) == 1


def test_the_user_of_the_sdk_is_the_user_of_the_device(service: Service) -> None:
    secret = "0123456789abcdef" * 4
    rules = TokenRules(("HS256",))
    sealed = seal_text(get_settings().secret_key.get_secret_value(), secret)
    with db.writing() as connection:
        access = Access(service.app_id, token_rules=rules, token_key=sealed)
        put_access(connection, access, now_ms())
        put_user(connection, service.app_id, "user-1", {"name": "Kari"}, now_ms())
    token = jwt.encode({"sub": "user-1", "exp": time.time() + 600}, secret, "HS256")
    kari = {"objectId": "user-1", "user-token": token}
    (told,) = service.calls(["registerDevice", IOS_TOKEN, ["default"]], device=IOS, user=kari)
    assert "::" in told["registrationId"], told

    published = service.call(
        "publish", "default", "Hi", None, {"segmentQuery": "user.name = 'Kari'"}
    )

    assert service.finish(published["messageId"])["accepted"] == 1
    (apple,) = service.arrived(IOS_TOKEN)
    assert apple["aps"]["alert"]["body"] == "Hi"
    stale = {"objectId": "user-1", "user-token": token[:-3]}
    assert service.calls(["publish", "default", "Hi"], user=stale) == [(3064, 401)]


def test_the_sdk_is_told_the_codes_of_what_is_wrong(service: Service) -> None:
    told = service.calls(
        ["publish", "default", "x", None, {"publishAt": 1}],
        ["publish", "default", "x", None, {"repeatEvery": 5, "repeatExpiresAt": 1}],
        ["publish", "default", None],
        ["publish", "default"],
        ["publish", "channels", "x"],
        ["publish", "default", "x", None, {"pushBroadcast": "SYMBIAN"}],
        ["cancel", "message:NOBODY"],
        ["registerDevice", IOS_TOKEN, ["a"], 1],
        ["registerDevice"],
        [
            "sendEmail",
            "subject",
            {"$new": "Bodyparts", "of": {"textmessage": "x"}},
            ["a@b.example"],
        ],
        device=IOS,
    )
    codes = [one[0] for one in told]
    assert codes == [5030, 5003, 5041, 8007, 5044, 8008, 5040, 5004, 8007, 5050]

    unknown = service.call("getMessageStatus", "message:NOBODY")
    assert unknown == {"messageId": "message:NOBODY", "status": "unknown", "errorMessage": None}


@pytest.mark.default_app
def test_the_sdk_does_the_same_by_domain_without_ids_where_the_app_is_open(
    service: Service,
) -> None:
    with db.writing() as connection:
        access = Access(service.app_id, open_scopes=("publish", "register", "read"))
        put_access(connection, access, now_ms())
    service.app = [service.url]
    register_both(service, ["default", "news"])

    published = service.call("publish", "news", "hello")

    assert service.finish(published["messageId"])["accepted"] == 2
    ((found,), told, denied) = service.calls(
        ["getRegistrations"],
        ["getMessageStatus", published["messageId"]],
        ["deleteChannel", "news"],
        device=IOS,
    )
    assert found["channels"] == ["default", "news"]
    assert told["status"] == "published"
    assert denied == (2000, 400)  # only a key with the scope admin opens this


def test_the_sdk_deletes_a_channel(service: Service) -> None:
    register_both(service, ["default", "old news"])
    assert service.calls(
        ["deleteChannel", "old news"], ["deleteChannel", "old news"], ["deleteChannel", "default"]
    ) == [True, (5010, 400), (2000, 400)]
