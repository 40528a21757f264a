"""A push with each user's own words, from the stored template to the provider's bytes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from push_pipeline import db, publish, push_with_template
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import set_android_style
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.directory.users import put_users
from push_pipeline.errors import InvalidWhereClause, MissingParameter, PayloadTooLarge
from push_pipeline.models import MESSAGE
from push_pipeline.publishing.push_template import push_immediately
from tests.installation import APP, Installation
from tests.processes import wait_until
from tests.statements import statements_from_here_on

#: Words that a document could break at, or a template could fill again.
TRICKY = 'Zoë "\\" {Users.name} \\{x} {city} </b> 漢😀\n\u2028'


def ios(number: int) -> str:
    return f"{number:064x}"


def android(number: int) -> str:
    return f"q{number:021d}:APA91b{'z' * 134}"


def store(name: str, message: str, **fields: object) -> None:
    with db.writing() as connection:
        template = PUSH.read({"name": name, "message": message, "channelName": "news", **fields})
        put_template(connection, APP, PUSH, template, now_ms())


def know(**users: dict) -> None:
    with db.writing() as connection:
        put_users(connection, APP, users, now_ms())


def documents(installation: Installation) -> dict[str, dict]:
    """Return what each token got: APNs' document, or FCM's data map."""
    shown = {}
    for entry in installation.simulator.log():
        body = json.loads(entry["body"])
        shown[entry["token"]] = body if "aps" in body else body["message"]["data"]
    return shown


def test_every_device_gets_the_words_of_its_user(installation: Installation) -> None:
    know(ann={"name": "Ann", "home": {"city": "Oslo"}}, zoe={"name": TRICKY, "home": {"city": 5}})
    installation.register([ios(1)], userId="ann")
    installation.register([ios(2)], userId="zoe")
    installation.register([ios(3)], userId="unknown")
    installation.register([ios(4)])
    installation.register([android(1)], "ANDROID", userId="zoe")
    store(
        "hello",
        "{greeting} {Users.name} of {Users.home.city}",
        options={
            "ios": {"alertTitle": "To {Users.objectId}", "customHeaders": {"c": "{Users.name}"}}
        },
    )

    receipt = push_with_template("hello", {"greeting": "Hi {Users.name}"})
    run = installation.work(receipt.message_id)

    assert run["accepted"] == run["audience"] == 5
    got = documents(installation)
    assert got[ios(1)]["aps"]["alert"] == {"title": "To ann", "body": "Hi {Users.name} Ann of Oslo"}
    assert got[ios(2)]["aps"]["alert"]["body"] == f"Hi {{Users.name}} {TRICKY} of 5"
    assert got[ios(2)]["message"] == f"Hi {{Users.name}} {TRICKY} of 5"
    assert got[ios(2)]["c"] == TRICKY
    assert got[ios(2)]["template_name"] == "hello"
    assert got[ios(3)]["aps"]["alert"] == {"title": "To ", "body": "Hi {Users.name}  of "}
    assert got[ios(4)] == {**got[ios(3)]}
    assert got[android(1)]["message"] == f"Hi {{Users.name}} {TRICKY} of 5"


def test_the_users_of_a_batch_are_read_in_one_query(installation: Installation) -> None:
    know(**{f"u{number}": {"name": f"N{number}"} for number in range(50)})
    for number in range(50):
        installation.register([ios(number)], userId=f"u{number}")
    message_id = publish("news", "Hi {Users.name}", {"templateValues": {"on": "1"}}).message_id
    asked = statements_from_here_on()

    run = installation.work(message_id)

    assert run["accepted"] == 50
    assert len([one for one in asked if "pipeline_user" in one]) == 1
    bodies = {token: got["message"] for token, got in documents(installation).items()}
    assert bodies == {ios(number): f"Hi N{number}" for number in range(50)}


@pytest.mark.parametrize(
    ("system", "token", "room"), [("IOS", ios, 4096), ("ANDROID", android, 4096)]
)
def test_the_last_byte_that_fits_is_sent_and_one_more_is_rejected(
    installation: Installation, system: str, token: Callable[[int], str], room: int
) -> None:
    copies = 2 if system == "IOS" else 1
    installation.register([token(1)], system)
    probe = publish("news", ">{Users.name}", {"templateValues": {"on": "1"}})
    installation.work(probe.message_id)
    sent = documents(installation)[token(1)]
    empty = (
        len(installation.simulator.log()[0]["body"].encode())
        if system == "IOS"
        else sum(len(part) for item in sent.items() for part in item)
    )
    fits = (room - empty) // copies
    know(ann={"name": "é" * (fits // 2) + "x" * (fits % 2)}, bob={"name": "x" * (fits + 1)})
    installation.register([token(1)], system, userId="ann")
    installation.register([token(2)], system, userId="bob")
    installation.register([token(3)], system)
    installation.simulator.reset()
    installation.put_credentials()

    run = installation.work(
        publish("news", ">{Users.name}", {"templateValues": {"on": "1"}}).message_id
    )

    assert (run["accepted"], run["rejected"]) == (2, 1)
    assert run["byReason"] == {"PayloadTooLarge": 1}
    assert set(installation.simulator.received()) == {token(1), token(3)}
    assert installation.device_states()[token(2)] == ("active", None)


def test_a_text_of_which_a_user_has_no_word_is_not_sent(installation: Installation) -> None:
    know(ann={"name": "Ann"}, bob={"name": " \n", "title": "Hi"})
    installation.register([ios(1)], userId="ann")
    installation.register([ios(2)], userId="bob")
    installation.register([android(3)], "ANDROID")
    said = {"templateValues": {"on": "1"}}

    run = installation.work(publish("news", " {Users.name}{Users.title2} ", said).message_id)

    assert (run["accepted"], run["rejected"]) == (1, 2)
    assert run["byReason"] == {"EmptyText": 2}
    assert set(installation.simulator.received()) == {ios(1)}
    assert installation.device_states()[ios(2)] == ("active", None)
    titled = {**said, "headers": {"ios-alert-title": "{Users.title}", "android-ticker": "psst"}}
    run = installation.work(publish("news", "{Users.name}", titled).message_id)
    assert (run["accepted"], run["rejected"]) == (3, 0)


def test_a_template_s_audience_is_platforms_channel_and_filled_segment(
    installation: Installation,
) -> None:
    know(ann={"city": "Oslo"}, bob={"city": "O'Higgins"})
    installation.register([ios(1)], userId="ann")
    installation.register([ios(2)], userId="bob")
    installation.register([ios(3)], channel="sport", userId="bob")
    installation.register([android(1)], "ANDROID", userId="bob")
    store("local", "Rain", platforms=["IOS"], segmentQuery="user.city = '{city}'")

    installation.work(push_with_template("local", {"city": "O'Higgins"}).message_id)

    assert set(installation.simulator.received()) == {ios(2)}


def test_a_template_for_every_channel_reaches_a_device_once(installation: Installation) -> None:
    installation.register([ios(1)])
    installation.register([ios(1)], channel="sport")
    installation.register([ios(2)], channel="sport")
    installation.register([ios(3)], channel="quiet")
    where = "channelName IN ('news', 'sport')"
    store("wide", "Hello", channelName="", segmentQuery=where)

    run = installation.work(push_with_template("wide").message_id)

    assert run["audience"] == 2
    assert installation.simulator.received() == {ios(1): 1, ios(2): 1}


def test_a_change_of_the_template_changes_nothing_of_a_delayed_push(
    installation: Installation,
) -> None:
    installation.register([ios(1)])
    store("news", "old {x}")
    later = datetime.now(UTC) + timedelta(seconds=1)
    receipt = push_with_template("news", {"x": "words"}, publish_at=later)
    store("news", "new words", channelName="nowhere")

    wait_until(lambda: now_ms() > later.timestamp() * 1000, 5, "its time")
    run = installation.work(receipt.message_id)

    assert run["accepted"] == 1
    assert documents(installation)[ios(1)]["message"] == "old words"


def test_a_push_that_is_not_stored_brings_its_template_along(installation: Installation) -> None:
    installation.register([ios(1)])
    installation.register([android(1)], "ANDROID")
    body = {
        "message": "Now",
        "channelName": "news",
        "options": {"ios": {"alertTitle": "T"}, "android": {"colorCode": "#0000FF"}},
    }

    installation.work(push_immediately(body).message_id)

    got = documents(installation)
    assert json.loads(got[ios(1)]["ios_immediate_push"])["name"] == "ImmediateMessage"
    assert got[ios(1)]["aps"]["alert"]["title"] == "T"
    assert got[ios(1)]["aps"]["mutable-content"] == 1
    assert json.loads(got[android(1)]["android_immediate_push"])["colorCode"] == 255
    assert "ios_immediate_push" not in got[android(1)]


def test_the_same_dedupe_key_pushes_a_template_once(installation: Installation) -> None:
    installation.register([ios(1)])
    store("news", "Hello")
    first = push_with_template("news", dedupe_key="k")
    assert push_with_template("news", dedupe_key="k") == first


def test_nothing_is_written_where_a_template_cannot_be_filled(installation: Installation) -> None:
    store("a", "Hello {name}")
    store("b", "Hello", segmentQuery="created > '{since}'")
    store("c", "x" * 2040)
    installation.register([ios(1)])
    with pytest.raises(MissingParameter, match="name"):
        push_with_template("a", {"name": None})
    with pytest.raises(InvalidWhereClause):
        push_with_template("b", {"since": "yesterday"})
    with pytest.raises(PayloadTooLarge):
        push_with_template("c")
    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).first() is None


def test_a_message_without_values_is_sent_as_it_is_written(installation: Installation) -> None:
    installation.register([ios(1)])
    installation.work(publish("news", "Hi {Users.name} {x} \\{y}").message_id)
    assert documents(installation)[ios(1)]["message"] == "Hi {Users.name} {x} \\{y}"


def test_the_system_shows_each_user_its_words_where_the_app_is_so_set(
    installation: Installation,
) -> None:
    with db.writing() as connection:
        set_android_style(connection, APP, "both")
    know(zoe={"name": TRICKY})
    installation.register([android(1)], "ANDROID", userId="zoe")
    store("hello", "Hi {Users.name}")

    run = installation.work(push_with_template("hello").message_id)

    assert run["accepted"] == 1
    [entry] = installation.simulator.log()
    message = json.loads(entry["body"])["message"]
    assert message["android"]["notification"]["body"] == f"Hi {TRICKY}"
    assert message["data"]["message"] == f"Hi {TRICKY}"
