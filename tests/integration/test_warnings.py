"""What of a publish has no effect is said back: in Python, over HTTP, on the command line."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from push_pipeline import db, publish, register_device
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.clock import now_ms
from push_pipeline.devices import channels
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.models import CHANNEL, MESSAGE
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, Client

TOKEN = "ab" * 32
EVERYBODY = "everybody"
BADGE = {"field": "ios-badge", "reason": "APNs has no place for it"}


@pytest.fixture
def shop(settings: Settings, configure: Callable[..., Settings]) -> str:
    configure(app_id="shop")
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())
    register_device("phone-1", TOKEN, "IOS", channels=["news"])
    return "shop"


def count_messages() -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count(MESSAGE.id))).scalar_one()


def test_an_answer_has_warnings_only_where_there_are_any(api: Client) -> None:
    api.register(channels=["news"])
    said = {"message": "x", "headers": {"ios-badge": "many", "googleId": "g", "from": "me"}}

    warned = api("POST", "/messaging/news", said)
    plain = api("POST", "/messaging/news", {"message": "x", "headers": {"googleId": "g"}})

    refused = {"field": "from", "reason": "FCM has no place for it"}
    assert warned.body["warnings"] == [BADGE, refused]
    assert set(warned.body) == {"messageId", "status", "errorMessage", "warnings"}
    assert set(plain.body) == {"messageId", "status", "errorMessage"}
    read = api("GET", f"/messaging/{warned.body['messageId']}").body
    assert set(read) == {"messageId", "status", "errorMessage"}
    schema = api("GET", "/openapi.json", prefix="").body["components"]["schemas"]
    assert schema["MessageStatus"]["properties"]["warnings"]["items"]["$ref"].endswith("Warned")


def test_an_empty_list_of_devices_that_an_sdk_sends_by_itself_is_named(api: Client) -> None:
    api.register(channels=["news"])

    warned = api("POST", "/messaging/news", {"message": "x", "pushSinglecast": []})

    [told] = warned.body["warnings"]
    assert told == {"field": "pushSinglecast", "reason": "is empty, so it was taken for not set"}


def test_strict_over_http_refuses_what_would_be_warned_of(api: Client) -> None:
    odd = {"message": "x", "headers": {"ios-badge": "many"}}
    template = PUSH.read({"name": "t", "message": "x", "channelName": "news"})
    with db.writing() as connection:
        put_template(connection, APP, PUSH, template, now_ms())
    api.register(channels=["news"])

    refused = api("POST", "/messaging/news", {**odd, "strict": True})
    assert refused.fault == (400, 8008)
    assert "APNs has no place for it" in refused.body["message"]
    empty = {"templateValues": {}, "pushSinglecast": []}
    assert api("POST", "/messaging/push/t", {**empty, "strict": True}).fault == (400, 8008)
    assert api("POST", "/messaging/news", {**odd, "strict": "yes"}).fault == (400, 8008)
    assert count_messages() == 0
    assert api("POST", "/messaging/news", {**odd, "strict": False}).body["warnings"] == [BADGE]
    assert api("POST", "/messaging/push/t", {"templateValues": {}, "strict": True}).status == 200


def test_a_receipt_names_them_each_time_that_it_is_asked_for(shop: str) -> None:
    said = {"headers": {"ios-badge": "many"}}

    first, again = (publish("news", "x", said, dedupe_key="once") for _ in range(2))

    assert first == again
    assert [str(one) for one in first.warnings] == ["ios-badge: APNs has no place for it"]
    assert publish("news", "x").warnings == ()


def test_the_command_line_says_them_and_strict_writes_nothing(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {"name": "t", "message": "x", "channelName": "news"}
    odd = {"ios": {"customHeaders": {"ios-relevance-score": "2"}}}
    with db.writing() as connection:
        template = PUSH.read({**document, "options": odd})
        put_template(connection, shop, PUSH, template, now_ms())
    said = ("publish", "news", "x", "--header", "ios-badge=many")

    assert run([*said, "--json"]) == DONE
    printed = capsys.readouterr()
    assert json.loads(printed.out)["warnings"] == [BADGE]
    assert printed.err == "warning: ios-badge: APNs has no place for it\n"
    assert run([*said, "--dry-run"]) == DONE
    assert printed.err == capsys.readouterr().err

    written = count_messages()
    for strict in (
        [*said, "--strict"],
        [*said, "--strict", "--dry-run"],
        ["push", "t", "--strict"],
    ):
        assert run(strict) == FAILED
        assert "APNs has no place for it" in capsys.readouterr().err
    assert count_messages() == written
    assert run(["publish", "news", "x", "--strict"]) == DONE


def test_a_publish_to_a_channel_that_nobody_is_in_names_the_one_that_was_meant(shop: str) -> None:
    for channel in ("nwes", "weather", EVERYBODY):
        publish(channel, "x")  # which makes a channel, that nobody is in all the same

    asked = {"News": "news", "nwes": "news", "newss": "news", "weathr": None, EVERYBODY: None}
    for channel, meant in asked.items():
        [warning] = publish(channel, "x").warnings
        hint = f", did you mean {meant!r}?" if meant else ""
        assert warning == ("channel", f"nobody is in {channel!r}{hint}")
    assert publish("news", "x").warnings == ()
    assert publish(None, "x", users=["42"]).warnings == ()
    assert [one.field for one in publish("nwes", "x", users=["42"]).warnings] == ["channel"]


def test_strict_refuses_a_channel_of_nobody(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    for dry in ([], ["--dry-run"]):
        assert run(["publish", "nwes", "x", "--strict", *dry]) == FAILED
        assert "nobody is in 'nwes', did you mean 'news'?" in capsys.readouterr().err
    assert run(["publish", "nwes", "x", "--dry-run"]) == DONE
    assert "warning: channel: nobody is in 'nwes'" in capsys.readouterr().err
    with db.reading() as connection:
        assert connection.scalars(select(CHANNEL.name)).all() == ["news"]


def test_devices_that_are_not_there_are_named_over_http(api: Client) -> None:
    api.register(channels=["news"])

    found = api("POST", "/messaging/news", {"message": "x", "pushSinglecast": ["dev-1", "gone"]})
    alone = api("POST", "/messaging/news", {"message": "x", "pushSinglecast": ["gone"]})

    assert (found.body["status"], found.body["notFound"]) == ("scheduled", ["gone"])
    assert (alone.body["status"], alone.body["notFound"]) == ("failed", ["gone"])
    assert [one["field"] for one in alone.body["warnings"]] == ["pushSinglecast"]


def test_devices_that_are_not_there_are_named_on_the_command_line(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = [f"--device=gone-{n}" for n in range(25)]

    assert run(["publish", "news", "x", "--device", "phone-1", *unknown]) == DONE
    told = capsys.readouterr().err
    assert "warning: pushSinglecast: 25 of 26 devices are not there\n" in told
    assert "not found: gone-0, gone-1, " in told
    assert "gone-19 and 5 more\n" in told
    assert run(["publish", "news", "x", "--device", "phone-1", *unknown, "--strict"]) == FAILED
    capsys.readouterr()
    assert run(["publish", "news", "x", *unknown, "--json"]) == FAILED
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)["notFound"]) == 25
    assert "nobody can get it: none of the devices that it names" in printed.err


def test_only_the_neighbours_of_a_channel_are_looked_at(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "NEIGHBOURS_MAX", 2)
    register_device("phone-2", "cd" * 32, "IOS", channels=["a", "b", "m1", "m2", "y", "z"])

    with db.reading() as connection:
        assert channels.find_neighbours(connection, shop, "m3") == ["news", "y", "m2", "m1"]


def test_a_channel_s_name_is_the_same_in_both_forms_of_its_letters(api: Client) -> None:
    split, whole = "Cafe%CC%81", "Caf%C3%A9"
    registered = api.register(channels=["Cafe\u0301"]).body
    assert registered["registrationId"].endswith("::Caf\u00e9")

    for name in (split, whole):
        assert "warnings" not in api("POST", f"/messaging/{name}", {"message": "x"}).body
    with db.reading() as connection:
        assert connection.scalars(select(CHANNEL.name)).all() == ["Caf\u00e9"]
    assert api("DELETE", f"/messaging/registrations/dev-1?channels={split}").body["remaining"] == 0
    assert api("DELETE", f"/messaging/channels/{split}").body is True
