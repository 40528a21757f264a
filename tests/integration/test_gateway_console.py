"""The console's routes: templates and channels, made and changed by an admin."""

from collections.abc import Callable, Iterator

import pytest

from pipeline import db
from pipeline.clock import now_ms
from pipeline.directory.apps import add_key
from pipeline.settings import Settings
from tests.integration.gateway_stand import APP, KEY, Client, make_app, running_gateway


@pytest.fixture
def console(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    with running_gateway() as client:
        client.prefix = f"/{APP}/console/messaging"
        client.headers = {"auth-key": KEY}
        yield client


def test_nobody_but_an_admin_gets_in(console: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["publish", "register", "read"])
    routes = [("GET", "/channels"), ("GET", "/push/templates"), ("GET", "/channel-templates")]

    for key, fault in (("client", (400, 2000)), ("wrong", (400, 2002)), ("", (400, 2002))):
        console.headers = {"auth-key": key}
        assert {console(*route).fault for route in routes} == {fault}
    console.headers = {}
    assert {console(*route).fault for route in routes} == {(400, 2002)}


def test_channels_are_made_listed_and_deleted(console: Client) -> None:
    made = console("POST", "/channels", {"name": "news"}).body

    assert made["name"] == "news"
    assert set(made) == {"channelid", "name", "settings"}
    assert console("POST", "/channels", {"name": "news"}).fault == (400, 5012)
    assert console("POST", "/channels", {"name": "a/b"}).fault == (400, 5044)
    assert console("POST", "/channels", {"name": ["x"]}).fault == (400, 5044)
    assert console("POST", "/channels", {}).fault == (400, 8007)
    assert console("GET", "/channels").body == [made]
    assert console("DELETE", "/channels/news").body is True
    assert console("GET", "/channels").body == []


def test_push_templates_are_made_read_changed_and_removed(console: Client) -> None:
    made = console("POST", "/push/templates", {"name": "welcome", "message": "Hello"})
    assert made.status == 200, made.body
    assert made.body["name"] == "welcome"
    assert console("POST", "/push/templates", {"name": "welcome", "message": "x"}).status == 400
    assert console("GET", "/push/templates/welcome").body == made.body

    changed = console("PUT", "/push/templates/welcome", {"message": "Hello {city}"}).body

    assert changed == {**made.body, "message": "Hello {city}"}
    assert console("GET", "/push/templates").body == [changed]
    assert console("PUT", "/push/templates/none", {"message": "x"}).fault == (400, 5060)
    assert console("DELETE", "/push/templates?names=welcome,none").body is True
    assert console("DELETE", "/push/templates?names=welcome").fault == (400, 5060)
    assert console("DELETE", "/push/templates").fault == (400, 8008)
    assert console("GET", "/push/templates/welcome").fault == (400, 5060)


def test_button_and_channel_templates_are_made_listed_and_removed(console: Client) -> None:
    button = {"name": "yes no", "platform": "IOS", "actions": []}
    made = console("POST", "/button-templates", button)
    assert made.status == 200, made.body
    assert [one["name"] for one in console("GET", "/button-templates?platform=ios").body] == [
        "yes no"
    ]
    assert console("GET", "/button-templates?platform=android").body == []
    assert console("GET", "/button-templates?platform=beos").fault == (400, 8008)
    assert console("PUT", "/button-templates/yes%20no", button).status == 200
    assert console("DELETE", "/button-templates/yes%20no?platform=IOS").body is True

    assert console("POST", "/channel-templates", {"name": "loud"}).status == 200
    assert console("PUT", "/channel-templates/loud", {"sound": "bell"}).body["sound"] == "bell"
    assert [one["name"] for one in console("GET", "/channel-templates").body] == ["loud"]
    assert console("DELETE", "/channel-templates/loud").body is True


def test_the_console_publishes_as_an_sdk_does(console: Client) -> None:
    assert console("POST", "/news", {"message": "hello"}).body["status"] == "scheduled"
    pushed = console("POST", "/push", {"message": "hello", "platforms": ["IOS"]}).body
    assert (pushed["status"], pushed["successfulSendsAmount"]) == ("scheduled", 0)
