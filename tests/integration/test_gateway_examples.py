"""A day of an app over HTTP, request by request, with the answers word by word."""

from collections.abc import Callable, Iterator

import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.access import Access, PublishRule, put_access
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, KEY, Answer, Client, make_app, running_gateway

TOKEN = "f00d"


@pytest.fixture(params=[f"/{APP}/{KEY}", "/api"])
def api(
    request: pytest.FixtureRequest, settings: Settings, configure: Callable[..., Settings]
) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    with db.writing() as connection:
        closed = (PublishRule("secret", ("editor",)),)
        opened = ("publish", "register", "read")
        put_access(connection, Access(APP, open_scopes=opened, publish_rules=closed), now_ms())
        template = {"name": "welcome", "message": "Welcome to {city}"}
        put_template(connection, APP, PUSH, PUSH.read(template), now_ms())
    with running_gateway() as client:
        client.prefix = request.param
        client.register()
        yield client


def scheduled(answer: Answer) -> str:
    """Check that a message was accepted and return its id."""
    message_id = answer.body["messageId"]
    status = {"messageId": message_id, "status": "scheduled", "errorMessage": None}
    assert (answer.status, answer.body) == (200, status)
    return message_id


def test_a_message_is_published_and_asked_for(api: Client) -> None:
    body = (
        b'{"message":"Dinner is ready","headers":{"ios-alert-title":"Kitchen",'
        b'"android-content-title":"Kitchen"},"publishPolicy":"PUSH","pushBroadcast":"IOS|ANDROID"}'
    )
    message_id = scheduled(api("POST", "/messaging/default", body))

    assert scheduled(api("GET", f"/messaging/{message_id}")) == message_id


def test_a_repeat_is_cancelled_once(api: Client) -> None:
    body = b'{"message":"hourly","repeatEvery":3600,"repeatExpiresAt":4102444800000}'
    message_id = scheduled(api("POST", "/messaging/default", body))

    cancelled = api("DELETE", f"/messaging/{message_id}")

    status = {"messageId": message_id, "status": "cancelled", "errorMessage": None}
    assert (cancelled.status, cancelled.body) == (200, status)
    assert api("DELETE", f"/messaging/{message_id}").fault == (400, 5040)


def test_each_of_the_three_codes_of_a_publish(api: Client) -> None:
    late = b'{"message":"x","publishAt":1}'
    assert api("POST", "/messaging/default", late).fault == (400, 5030)
    ended = b'{"message":"x","repeatEvery":5,"repeatExpiresAt":1}'
    assert api("POST", "/messaging/default", ended).fault == (400, 5003)
    assert api("POST", "/messaging/secret", b'{"message":"x"}').fault == (400, 5007)


def test_a_template_is_pushed_and_read_by_devices(api: Client) -> None:
    scheduled(api("POST", "/messaging/push/welcome", b'{"templateValues":{"city":"Oslo"}}'))

    (told,) = api("GET", "/messaging/pushtemplates/android").body.items()

    assert told[0] == told[1]["name"] == "welcome"
    assert told[1]["contentTitle"] is None
    assert told[1]["colorCode"] == 4097732


def test_a_device_registers_is_read_and_leaves(api: Client) -> None:
    fields = {"deviceToken": TOKEN, "deviceId": "dev-1", "os": "IOS", "osVersion": "17.1"}
    made = api("POST", "/messaging/registrations", {**fields, "channels": ["default", "news"]})
    registration_id = made.body["registrationId"]
    assert made.body == {"registrationId": registration_id}
    assert [pair.split("::")[1] for pair in registration_id.split(",")] == ["default", "news"]

    read = api("GET", "/messaging/registrations/dev-1")

    shown = TOKEN if KEY in api.prefix else f"…{TOKEN}"  # what is longer is cut
    told = {**fields, "id": registration_id, "deviceToken": shown}
    told |= {"channels": ["default", "news"], "expiration": None}
    assert (read.status, read.body) == (200, [told])
    left = api("DELETE", "/messaging/registrations/dev-1")
    assert (left.status, left.body) == (200, {"result": True})
    assert api("DELETE", "/messaging/registrations/dev-1").fault == (400, 5001)
    assert api("GET", "/messaging/registrations/dev-1").fault == (400, 5000)
