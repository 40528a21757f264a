"""The console's routes: templates, channels and their devices, seen and changed by an admin."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from push_pipeline.directory.users import put_user
from push_pipeline.models import DEVICE, RUN, Batch, Device, Run
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, KEY, Answer, Client, make_app, running_gateway


@pytest.fixture
def console(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    with running_gateway() as client:
        client.prefix = f"/{APP}/console/messaging"
        client.headers = {"auth-key": KEY}
        yield client


def register(console: Client, device_id: str, **fields: Any) -> None:
    token = hashlib.sha256(device_id.encode()).hexdigest()
    told = {"deviceId": device_id, "deviceToken": token, "os": "IOS", **fields}
    answer = console("POST", "/messaging/registrations", told, prefix=f"/{APP}/{KEY}")
    assert answer.status == 200, answer.body


def publish(console: Client, channel: str, **said: Any) -> str:
    answer = console("POST", f"/{channel}", {"message": "hello", **said})
    assert answer.status == 200, answer.body
    return answer.body["messageId"]


def store_user(user_id: str, **properties: str) -> None:
    with db.writing() as connection:
        put_user(connection, APP, user_id, properties, now_ms())


def channel_id(console: Client, name: str) -> str:
    listed = console("GET", "/channels").body
    return next(one["channelid"] for one in listed if one["name"] == name)


def device_ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [row["deviceId"] for row in answer.body]


def test_nobody_but_an_admin_gets_in(console: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["publish", "register", "read"])
    routes = [("GET", "/channels"), ("GET", "/push/templates"), ("GET", "/channel-templates")]

    for key, fault in (("client", (400, 2000)), ("wrong", (400, 2002)), ("", (400, 2002))):
        console.headers = {"auth-key": key}
        assert {console(*route).fault for route in routes} == {fault}
    console.headers = {}
    assert {console(*route).fault for route in routes} == {(400, 2002)}


def test_nobody_but_an_admin_sees_or_changes_who_is_reached(console: Client) -> None:
    register(console, "dev-1", channels=["news"])
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="client", scopes=["publish", "register", "read"])
    console.headers = {"auth-key": "client"}
    routes = [
        ("PUT", "/channels/news", {"name": "x"}),
        ("GET", "/channels/news/devices"),
        ("GET", "/channels/news/devices/count"),
        ("DELETE", "/channels/news/devices", []),
        ("GET", "/channels/news/messages"),
        ("GET", "/channels/news/messages/count"),
        ("GET", "/message:X"),
        ("GET", "/pushsize"),
    ]

    assert {console(*route).fault for route in routes} == {(400, 2000)}


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
    made = console("POST", "/channels", {"name": "my news"}).body
    assert console("DELETE", f"/channels/{made['channelid']}").body is True
    assert console("DELETE", f"/channels/{made['channelid']}").fault == (400, 5010)
    assert console("GET", "/channels").body == []


def test_a_channel_is_renamed_and_keeps_its_devices_and_messages(console: Client) -> None:
    made = console("POST", "/channels", {"name": "news"}).body
    console("POST", "/channels", {"name": "taken"})
    register(console, "dev-1", channels=["news"])
    message_id = publish(console, "news", publishAt=now_ms() + 3_600_000)
    path = f"/channels/{made['channelid']}"

    waiting = console("PUT", path, {"name": "olds"})
    assert waiting.fault == (400, 2000)
    assert console("GET", "/channels").body[0] == made, "refused, so nothing was written"
    console("DELETE", f"/messaging/{message_id}", prefix=f"/{APP}/{KEY}")
    renamed = {**made, "name": "olds"}
    assert console("PUT", path, {"name": "olds"}).body == renamed
    assert console("PUT", "/channels/olds", renamed).body == renamed, "the name it has"

    assert renamed in console("GET", "/channels").body
    assert device_ids(console("GET", f"{path}/devices")) == ["dev-1"]
    assert console("GET", f"{path}/messages").body[0]["messageId"] == message_id


def test_what_is_wrong_with_a_new_name_of_a_channel_is_named(console: Client) -> None:
    for name in ("news", "taken", "default"):
        console("POST", "/channels", {"name": name})

    assert console("PUT", "/channels/news", {"name": "taken"}).fault == (400, 5012)
    assert console("PUT", "/channels/news", {"name": "a/b"}).fault == (400, 5044)
    assert console("PUT", "/channels/news", {"name": 7}).fault == (400, 5044)
    assert console("PUT", "/channels/news", {}).fault == (400, 8007)
    assert console("PUT", "/channels/default", {"name": "x"}).fault == (400, 2000)
    for unknown in ("none", "0", "9" * 40, "%D9%A3"):
        assert console("PUT", f"/channels/{unknown}", {"name": "x"}).fault == (400, 5010)


def test_a_channel_is_found_by_its_id_before_its_name(console: Client) -> None:
    first = console("POST", "/channels", {"name": "first"}).body
    console("POST", "/channels", {"name": first["channelid"]})

    renamed = console("PUT", f"/channels/{first['channelid']}", {"name": "found"}).body

    assert renamed == {**first, "name": "found"}


def test_the_devices_of_a_channel_are_listed_by_pages_and_counted(console: Client) -> None:
    for n in range(12):
        register(console, f"dev-{n:02}", channels=["news", "extra"] if n == 3 else ["news"])
    register(console, "elsewhere", channels=["extra"])
    path = f"/channels/{channel_id(console, 'news')}/devices"
    everybody = [f"dev-{n:02}" for n in range(12)]

    assert device_ids(console("GET", path)) == everybody[:10]
    assert device_ids(console("GET", "/channels/news/devices?offset=10")) == everybody[10:]
    assert device_ids(console("GET", f"{path}?pagesize=2&offset=3")) == everybody[3:5]
    assert device_ids(console("GET", f"{path}?pageSize=100")) == everybody
    assert console("GET", f"{path}?pagesize=1&offset=3").body == (
        console("GET", "/messaging/registrations/dev-03", prefix=f"/{APP}/{KEY}").body
    )
    assert console("GET", f"{path}/count?pagesize=2&offset=3").body == 12


def test_the_devices_of_a_channel_are_sorted_as_asked(console: Client) -> None:
    for device_id, version in (("b", "2"), ("Z", None), ("a", "1"), ("c", "2")):
        register(console, device_id, channels=["news"], osVersion=version)
    orders = {
        "sortBy=deviceId": ["Z", "a", "b", "c"],
        "sortBy=deviceId%20desc": ["c", "b", "a", "Z"],
        "sortBy=deviceId&sortDirection=DESC": ["c", "b", "a", "Z"],
        "sortBy=osVersion%20desc,deviceId%20desc": ["c", "b", "a", "Z"],
        "sortBy=osVersion,deviceId&sortDirection=asc": ["a", "b", "c", "Z"],
        "sortBy=created": ["b", "Z", "a", "c"],
        "sortBy=": ["b", "Z", "a", "c"],
        "sortBy=deviceId&pagesize=2&offset=1": ["a", "b"],
    }

    for query, expected in orders.items():
        assert device_ids(console("GET", f"/channels/news/devices?{query}")) == expected, query
    for wrong in ("nonsense", "deviceId%20up", "deviceId%20asc%20desc", "user.name", "os;"):
        assert console("GET", f"/channels/news/devices?sortBy={wrong}").fault == (400, 8008)


def test_a_clause_narrows_the_devices_of_a_channel(console: Client) -> None:
    register(console, "phone", channels=["news"], userId="kari")
    register(console, "tablet", channels=["news"], os="OSX", properties={"seats": 2})
    store_user("kari", city="Oslo")
    clauses = {
        "os%20=%20'OSX'": ["tablet"],
        "user.city%20=%20'Oslo'": ["phone"],
        "properties.seats%20%3E%201": ["tablet"],
        "%20": ["phone", "tablet"],
    }

    for clause, expected in clauses.items():
        assert device_ids(console("GET", f"/channels/news/devices?where={clause}")) == expected
        count = console("GET", f"/channels/news/devices/count?where={clause}").body
        assert count == len(expected)


def test_devices_are_taken_out_of_a_channel(console: Client) -> None:
    register(console, "both", channels=["news", "other"])
    register(console, "only", channels=["news"])
    register(console, "stays", channels=["news"])
    register(console, "stranger", channels=["other"])
    path = "/channels/news/devices"

    assert console("DELETE", path, ["both", "only", "stranger", "nobody"]).body is True
    assert console("DELETE", path, []).body is True

    assert device_ids(console("GET", path)) == ["stays"]
    assert device_ids(console("GET", "/channels/other/devices")) == ["both", "stranger"]
    gone = console("GET", "/messaging/registrations/only", prefix=f"/{APP}/{KEY}")
    assert gone.fault == (400, 5000), "a registration is always with a channel"
    for wrong in (b"", b"[", {"ids": ["stays"]}, "stays", ["stays", 7], [None]):
        assert console("DELETE", path, wrong).fault == (400, 5042)
    assert console("GET", f"{path}/count").body == 1


def test_the_messages_of_a_channel_are_listed_the_newest_first_and_counted(
    console: Client,
) -> None:
    register(console, "dev-1", channels=["news"])
    began = now_ms()
    broadcast = publish(console, "news", publisherId="desk", subtopic="sport")
    named = publish(console, "news", message={"n": 1}, pushSinglecast=["dev-1"])
    silent = publish(console, "news", publishPolicy="PUBSUB")
    publish(console, "other")
    path = f"/channels/{channel_id(console, 'news')}/messages"

    rows = console("GET", path).body

    assert {row["messageId"] for row in rows} == {broadcast, named, silent}
    times = [row.pop("timestamp") for row in rows]
    assert began <= times[-1] <= times[0] <= now_ms()
    assert times == sorted(times, reverse=True)
    by_id = {row.pop("messageId"): row for row in rows}
    plain = {
        "message": "hello",
        "publisherId": None,
        "isPush": True,
        "isBroadcast": True,
        "sentTo": 0,
        "subtopic": None,
    }
    assert by_id[broadcast] == {**plain, "publisherId": "desk", "subtopic": "sport"}
    assert by_id[named] == {**plain, "message": {"n": 1}, "isBroadcast": False}
    assert by_id[silent] == {**plain, "isPush": False}
    pages = [console("GET", f"{path}?pagesize=2&offset={n}").body for n in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert {row["messageId"] for page in pages for row in page} == {broadcast, named, silent}
    assert console("GET", f"{path}/count").body == 3


def test_a_message_tells_how_many_devices_the_providers_took_it_for(console: Client) -> None:
    message_id = publish(console, "news")
    unsent = publish(console, "news")
    batch = {"platform": "IOS", "environment": "", "members": b"", "size": 5, "attempt": 1}
    with db.writing() as connection:
        run = connection.scalar(select(RUN.id).where(RUN.message_id == message_id))
        for accepted in (3, 4):
            row = {**batch, "run_id": run, "not_before": 0, "accepted": accepted}
            connection.execute(insert(Batch).values(row))

    rows = console("GET", "/channels/news/messages").body

    assert {row["messageId"]: row["sentTo"] for row in rows} == {message_id: 7, unsent: 0}


def test_the_state_of_a_message_has_the_counts_of_the_console(console: Client) -> None:
    message_id = publish(console, "news")
    batch = {"platform": "IOS", "environment": "", "members": b"", "size": 9, "attempt": 1}
    counts = {"accepted": 4, "rejected": 2, "expired": 1, "unknown": 1, "cancelled": 1}
    with db.writing() as connection:
        run = connection.scalar(select(RUN.id).where(RUN.message_id == message_id))
        connection.execute(insert(Batch).values(run_id=run, not_before=0, **batch, **counts))
        times = {"started_at": 1_000, "finished_at": 3_500}
        connection.execute(update(Run).where(RUN.id == run).values(**times))

    told = console("GET", f"/{message_id}")

    assert told.body == {
        "messageId": message_id,
        "status": "scheduled",
        "errorMessage": None,
        "sendingTimeInMillis": 2_500,
        "successfulSendsAmount": 4,
        "failedSendsAmount": 4,
    }
    unknown = console("GET", "/message:NOBODY").body
    assert (unknown["status"], unknown["successfulSendsAmount"]) == ("unknown", 0)


def test_the_size_of_a_push_counts_each_device_that_can_be_sent_to_once(console: Client) -> None:
    register(console, "many", channels=["a", "b", "c"], userId="kari")
    register(console, "mac", channels=["b"], os="OSX")
    store_user("kari", city="Oslo")
    register(console, "dead", channels=["b"])
    with db.writing() as connection:
        connection.execute(update(Device).where(DEVICE.device_id == "dead").values(state="retired"))

    assert console("GET", "/pushsize").body == 2
    assert console("GET", "/pushsize?where=channelName%20LIKE%20'%25'").body == 2
    assert console("GET", "/pushsize?where=os%20=%20'OSX'").body == 1
    assert console("GET", "/pushsize?where=user.city%20=%20'Oslo'").body == 1
    assert console("GET", "/pushsize?where=os%20=%20'ANDROID'").body == 0


def test_a_wrong_clause_page_or_channel_is_named(console: Client) -> None:
    console("POST", "/channels", {"name": "news"})
    for path in ("/pushsize", "/channels/news/devices", "/channels/news/devices/count"):
        for clause in ("nonsense", "os%20=", "secret%20=%201", "os%20=%20'%00'"):
            assert console("GET", f"{path}?where={clause}").fault == (400, 1017)
    for path in ("/channels/news/devices", "/channels/news/messages"):
        assert console("GET", f"{path}?pagesize=100&offset=2147483647").body == []
        for page in ("pagesize=0", "pageSize=101", "pagesize=x", "offset=-1", f"offset={2**63}"):
            assert console("GET", f"{path}?{page}").fault == (400, 8008)
    for part in ("devices", "devices/count", "messages", "messages/count"):
        assert console("GET", f"/channels/none/{part}").fault == (400, 5010)
    assert console("DELETE", "/channels/none/devices", ["dev-1"]).fault == (400, 5010)


def test_push_templates_are_made_read_changed_and_removed(console: Client) -> None:
    made = console("POST", "/push/templates", {"name": "welcome", "message": "Hello"})
    assert made.status == 200, made.body
    assert made.body["name"] == "welcome"
    assert console("POST", "/push/templates", {"name": "welcome", "message": "x"}).status == 400
    assert console("GET", "/push/templates/welcome").body == made.body

    hello = {"name": None, "message": "Hello {city}"}
    changed = console("PUT", "/push/templates/welcome", hello).body

    assert changed == {**made.body, "message": "Hello {city}"}
    assert console("GET", "/push/templates").body == [changed]
    assert console("PUT", "/push/templates/none", {"message": "x"}).fault == (400, 5060)
    assert console("DELETE", "/push/templates?names=welcome,none").body is True
    assert console("DELETE", "/push/templates?names=welcome").fault == (400, 5060)
    assert "welcome" in console("DELETE", "/push/templates?names=welcome").body["message"]
    assert console("DELETE", "/push/templates").fault == (400, 8007)
    assert console("GET", "/push/templates/welcome").fault == (400, 5060)


def test_what_is_wrong_with_a_template_is_named_when_it_is_stored(
    console: Client, subtests: pytest.Subtests
) -> None:
    cases = [
        ({"name": "a"}, 8007, "message is missing"),
        ({"name": "a", "message": "{home.city}"}, 8008, "{home.city}"),
        ({"name": "a", "message": "x", "segmentQuery": "os ="}, 1017, "column"),
        ({"name": "a", "message": "x", "segmentQuery": "secret = '{x}'"}, 1017, "column"),
        ({"name": "a", "message": "x", "segmentQuery": "os = '{Users.os}'"}, 8008, "user.<column>"),
        ({"name": "a", "message": "x", "segmentQuery": "os = '{x}"}, 1017, "closing quote"),
    ]
    console("POST", "/push/templates", {"name": "known", "message": "x"})
    for body, code, words in cases:
        with subtests.test(body=body):
            for method, path in (("POST", "/push/templates"), ("PUT", "/push/templates/known")):
                answer = console(method, path, body)
                assert answer.fault == (400, code)
                assert words in answer.body["message"]
    good = ("user.age >= {n} AND os IN ('{x}', 'IOS')", "created > '{x}'", "osVersion LIKE '{x}%'")
    for n, clause in enumerate(good):
        body = {"name": f"good {n}", "message": "x", "segmentQuery": clause}
        assert console("POST", "/push/templates", body).status == 200
    blank = {"name": "blank", "message": "x", "segmentQuery": "  "}
    assert console("POST", "/push/templates", blank).body["segmentQuery"] is None


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
    by_query = console("PUT", "/button-templates/yes%20no?platform=ios", {"actions": []})
    assert by_query.body == made.body
    lower = {**button, "platform": "android"}
    assert console("POST", "/button-templates", lower).body["platform"] == "ANDROID"
    assert console("GET", "/button-templates").fault == (400, 8008)
    assert console("DELETE", "/button-templates/yes%20no?platform=IOS").body is True

    assert console("POST", "/channel-templates", {"name": "loud"}).status == 200
    assert console("PUT", "/channel-templates/loud", {"sound": "bell"}).body["sound"] == "bell"
    assert [one["name"] for one in console("GET", "/channel-templates").body] == ["loud"]
    assert len(console("GET", "/channel-templates?platform=android").body) == 1
    assert console("GET", "/channel-templates?platform=IOS").body == []
    assert console("GET", "/channel-templates?platform=beos").fault == (400, 8008)
    apple = {"name": "apple", "platform": "IOS"}
    assert console("POST", "/channel-templates", apple).fault == (400, 8008)
    assert console("DELETE", "/channel-templates/loud").body is True


def test_the_console_publishes_as_an_sdk_does(console: Client) -> None:
    assert console("POST", "/news", {"message": "hello"}).body["status"] == "scheduled"
    pushed = console("POST", "/push", {"message": "hello", "platforms": ["IOS"]}).body
    assert (pushed["status"], pushed["successfulSendsAmount"]) == ("scheduled", 0)


def test_channels_and_templates_are_listed_by_pages(console: Client) -> None:
    for name in ("c", "a", "b"):
        assert console("POST", "/channels", {"name": name}).status == 200
        template = {"name": name, "message": "x"}
        assert console("POST", "/push/templates", template).status == 200
        buttons = {"name": name, "platform": "IOS", "actions": []}
        assert console("POST", "/button-templates", buttons).status == 200
        assert console("POST", "/channel-templates", {"name": name}).status == 200
    for path in ("/channels?", "/push/templates?", "/channel-templates?"):
        whole = [one["name"] for one in console("GET", path).body]
        assert whole == sorted(whole)
        page = console("GET", f"{path}pagesize=2&offset=1").body
        assert [one["name"] for one in page] == whole[1:3]
        assert console("GET", f"{path}pageSize=1").body[0]["name"] == whole[0]
        for wrong in ("pagesize=1001", "pagesize=0", "offset=-1"):
            assert console("GET", f"{path}{wrong}").fault == (400, 8008)
    buttons = console("GET", "/button-templates?platform=IOS&pagesize=2&offset=1").body
    assert [one["name"] for one in buttons] == ["b", "c"]
