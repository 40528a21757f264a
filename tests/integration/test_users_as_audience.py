"""A push to users: their devices and no other, by each surface, found by an index."""

from typing import Any

import pytest
from sqlalchemy import select, text

from push_pipeline import db, publish, push_to_user, push_with_template
from push_pipeline.audience import Selection, count_members, read_page
from push_pipeline.clock import now_ms
from push_pipeline.devices.zones import find_zones
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.errors import EmptyAudience, InvalidChannelName, InvalidParameter
from push_pipeline.models import MESSAGE
from push_pipeline.publishing.push_template import push_immediately
from push_pipeline.settings import Settings
from push_workers.simulator import Simulator
from tests.installation import APP, Installation
from tests.integration.crowd import READS_ALL, plans_of, populate
from tests.integration.gateway_stand import Answer, Client

PHONE, TABLET, SPORTS, OTHER = "aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32


@pytest.fixture
def received(installation: Installation, simulator: Simulator):
    """Let the workers work on a message and return the tokens that got it."""
    installation.register([PHONE, TABLET], userId="42")
    installation.register([SPORTS], userId="42", channel="sport")
    installation.register([OTHER], userId="43")

    def of(message_id: str) -> set[str]:
        simulator.reset()
        installation.work(message_id)
        return set(simulator.received())

    return of


def test_a_user_is_reached_on_every_device_in_no_channel_or_in_one(received) -> None:
    with db.writing() as connection:  # a device that is in no channel at all
        connection.execute(text("DELETE FROM pipeline_subscription WHERE device_key IN (1, 3)"))

    assert received(push_to_user("42", "yours").message_id) == {PHONE, TABLET, SPORTS}
    assert received(push_to_user(43, "yours").message_id) == {OTHER}
    assert received(publish(None, "both", users=["42", "43", "nobody"]).message_id) == {
        PHONE,
        TABLET,
        SPORTS,
        OTHER,
    }
    assert received(publish("news", "here", users="42").message_id) == {TABLET}
    assert received(publish("sport", "there", users=["43"]).message_id) == set()
    android = {"pushBroadcast": "ANDROID"}
    assert received(push_to_user("42", "x", None, android).message_id) == set()


def test_a_template_goes_to_those_of_its_audience_who_are_named(received) -> None:
    with db.writing() as connection:
        template = PUSH.read({"name": "shipped", "message": "x", "channelName": "news"})
        put_template(connection, APP, PUSH, template, now_ms())
    document = {"message": "x", "channelName": "sport"}

    by_name = push_with_template("shipped", users=["42"])
    assert received(by_name.message_id) == {PHONE, TABLET}
    assert received(push_immediately(document, users=["42"]).message_id) == {SPORTS}
    with pytest.raises(EmptyAudience):
        push_with_template("shipped", users=[])


@pytest.mark.usefixtures("settings")
def test_nobody_is_never_taken_for_everybody() -> None:
    for nobody in ([], (), set(), (name for name in "")):
        with pytest.raises(EmptyAudience) as refused:
            publish("news", "x", users=nobody)
        assert refused.value.code == 8008
    with pytest.raises(InvalidChannelName):
        publish(None, "x")
    with pytest.raises(InvalidParameter):
        publish("news", "x", None, {"pushUsers": ["42"]}, users=["43"])
    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).all() == []


def test_over_http_a_user_is_named_in_the_path_or_in_the_body(api: Client) -> None:
    put = {"name": "all", "message": "x", "channelName": ""}
    with db.writing() as connection:
        put_template(connection, APP, PUSH, PUSH.read(put), now_ms())
    named = {"pushUsers": ["a/b", "43"]}

    assert stored(api("POST", "/messaging/users/a%2Fb", {"message": "x"})) == ("", ["a/b"])
    assert stored(api.publish("news", **named)) == ("news", ["a/b", "43"])
    assert stored(api("POST", "/messaging/push/all", named)) == ("", ["a/b", "43"])
    assert stored(api("POST", "/messaging/push", {**put, **named})) == ("", ["a/b", "43"])


@pytest.mark.parametrize("nobody", [[], None, [""], [None], {"a": 1}])
def test_over_http_nobody_is_refused_by_every_route(api: Client, nobody: Any) -> None:
    body = {"message": "x", "pushUsers": nobody}
    for path in ("/messaging/news", "/messaging/users/42", "/messaging/push"):
        status, code = api("POST", path, body).fault
        assert (status, code) in {(400, 8008), (400, 8007)}, path


def stored(answer: Answer) -> tuple[str, list[str]]:
    """Return the channel and the users of a message that was accepted."""
    assert answer.status == 200, answer.body
    message_id = answer.body["messageId"]
    with db.reading() as connection:
        wanted = select(MESSAGE.channel, MESSAGE.delivery_options).where(MESSAGE.id == message_id)
        channel, options = connection.execute(wanted).one()
    return channel, options["pushUsers"]


def test_the_time_zones_are_those_of_the_users(installation: Installation) -> None:
    installation.register([PHONE], userId="42", timezone="Asia/Tokyo")
    installation.register([OTHER], userId="43", timezone="Europe/Oslo")

    with db.reading() as connection:
        assert find_zones(connection, APP, None, (), ["42"]) == ["Asia/Tokyo"]


@pytest.fixture
def crowd(settings: Settings) -> None:
    populate()


@pytest.mark.usefixtures("crowd")
def test_the_cost_depends_on_the_users_devices_alone(subtests: pytest.Subtests) -> None:
    for analysed in (False, True):  # what the planner knows of the tables
        for channel in (None, "c"):
            with subtests.test(analysed=analysed, channel=channel):
                assert_users_come_first(channel)
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def assert_users_come_first(channel: str | None) -> None:
    meant = Selection(APP, channel, ("IOS",), user_ids=("u17", "u19000", "nobody"))
    with db.reading() as connection, plans_of(connection) as plans:
        page = read_page(connection, meant, 0, 2_000, 1)
        count = count_members(connection, meant, 1)

    assert (page.size, page.cursor, count) == (2, None, 2)
    assert len(plans) == 2
    for plan in plans:
        assert "device_of_user" in plan, plan
        assert "user_id>?" not in plan, "all devices that have a user"
        assert not any(words in plan for words in READS_ALL), plan
