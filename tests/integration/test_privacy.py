"""A person's request: all that is held of them is told, and erased; counts stay what they were."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import select, text

from push_pipeline import (
    db,
    erase_user,
    errors,
    export_user,
    forget_device,
    publish,
    push_to_user,
    push_with_template,
    show_device,
    status,
)
from push_pipeline.cli.root import DONE, FAILED, INTERRUPTED, run
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.directory.users import put_user
from push_pipeline.ledger import mentions
from push_pipeline.models import MESSAGE
from push_pipeline.settings import Settings
from push_workers.fanout.fan_out import fan_out
from tests.audience import everything_that_ended
from tests.installation import APP, Installation
from tests.integration.crowd import plans_of
from tests.integration.gateway_stand import KEY, Client

PHONE, TABLET, OTHER = "aa" * 32, "bb" * 32, "cc" * 32
MINE, YOURS = ("IOS-" + PHONE, "IOS-" + TABLET), "IOS-" + OTHER

#: What no row may hold of the user after the erasure.
PERSONAL = ("Kari", "kari@", "user-42", *MINE, PHONE, TABLET)


@pytest.fixture
def people(installation: Installation) -> Installation:
    """Kari, user-42, with two devices, and somebody else with one."""
    installation.register([PHONE, TABLET], userId="user-42")
    installation.register([OTHER], userId="user-43")
    with db.writing() as connection:
        put_user(connection, APP, "user-42", {"name": "Kari"}, now_ms())
        put_user(connection, APP, "user-43", {"name": "Ola"}, now_ms())
        template = PUSH.read({"name": "t", "channelName": "news", "message": "{name} {Users.name}"})
        put_template(connection, APP, PUSH, template, now_ms())
    return installation


def everything() -> str:
    """Return all rows of all tables that may hold something of a person."""
    tables = ("device", "user", "message", "run", "delivery", "subscription", "channel")
    with db.reading() as connection:
        return str([connection.execute(text(f"SELECT * FROM pipeline_{t}")).all() for t in tables])


def message(message_id: str) -> Any:
    with db.reading() as connection:
        said = (MESSAGE.content, MESSAGE.delivery_options, MESSAGE.fingerprint)
        wanted = select(*said, MESSAGE.state)
        return connection.execute(wanted.where(MESSAGE.id == message_id)).one()


def test_an_erasure_reaches_all_that_is_theirs_and_no_count(people: Installation) -> None:
    told = {"headers": {"ios-alert-title": "Kari"}, "publisherId": "kari@shop"}
    own = push_to_user("user-42", "Dear Kari", told, dedupe_key="user-42-hello").message_id
    to_all = publish("news", "Dear all").message_id
    worded = push_with_template("t", {"name": "Kari"}, users=["user-42"]).message_id
    waiting = push_to_user("user-42", "Kari?", None, {"publish_at": now_ms() + 10**7}).message_id
    both = publish(None, "To both", users=["user-42", "user-43"]).message_id
    device = publish("news", "Kari's phone", None, {"pushSinglecast": [MINE[0]]}).message_id
    for message_id in (own, to_all, worded):
        people.work(message_id)
    before = {one: status(one)["runs"] for one in (own, to_all, worded)}

    done = erase_user("user-42")

    assert (done.properties, done.devices, done.blanked, done.renamed) == (True, 2, 4, 1)
    assert {one: status(one)["runs"] for one in before} == before
    left = everything()
    assert [word for word in PERSONAL if word in left] == []
    assert (message(waiting).state, message(device).state) == ("cancelled", "cancelled")
    assert message(both).content["message"] == "To both"
    assert people.work(both)["audience"] == 1
    assert message(own).fingerprint is None
    assert len(message(both).delivery_options["pushUsers"]) == 2
    assert len(everything_that_ended()) == 2 + 3 + 2 + 1
    assert erase_user("user-42") == type(done)(False, 0, 0, 0)
    assert export_user("user-43")["properties"] == {"name": "Ola"}


def test_an_export_tells_what_is_held_and_of_nobody_else(people: Installation) -> None:
    own = push_to_user("user-42", "Dear Kari", {"headers": {"x": "y"}}).message_id
    spoken = push_to_user("user-42", {"default": "Dear", "nb": "Kjære"}).message_id
    both = publish(None, "To both", users=["user-42", "user-43"]).message_id
    to_all = publish("news", "Dear all").message_id
    for message_id in (own, both, to_all):
        people.work(message_id)

    held = export_user("user-42")

    assert held["properties"] == {"name": "Kari"}
    assert [one["deviceId"] for one in held["devices"]] == list(MINE)
    said = {one["messageId"]: one["message"] for one in held["messages"]}
    assert said == {own: "Dear Kari", spoken: "Dear", both: "To both"}
    (told,) = [one["languages"] for one in held["messages"] if one["messageId"] == spoken]
    assert told["nb"]["message"] == "Kjære"
    assert {(one["messageId"], one["deviceId"]) for one in held["deliveries"]} == {
        (message_id, device_id) for message_id in (own, both, to_all) for device_id in MINE
    }
    assert "user-43" not in str(held)
    assert YOURS not in str(held)
    assert PHONE not in str([one["token"] for one in held["devices"]])
    nothing = export_user("nobody")
    assert {name: nothing[name] for name in ("properties", "devices", "messages")} == {
        "properties": None,
        "devices": [],
        "messages": [],
    }


def test_a_forgotten_device_leaves_its_counts_and_not_its_id(people: Installation) -> None:
    named = publish("news", "x", None, {"pushSinglecast": [MINE[0], YOURS]}).message_id
    alone = publish("news", "y", None, {"pushSinglecast": [MINE[0]], "publish_at": now_ms() + 9**9})
    missing = publish("empty", "z", None, {"pushSinglecast": [MINE[0]], "repeat_every": 3600})
    people.work(named)
    fan_out(people.run_id(missing.message_id))  # which notes who is not there
    before = status(named)["runs"]

    done = forget_device(MINE[0])

    assert (done.devices, done.renamed) == (1, 3)
    assert status(missing.message_id)["runs"][0]["notFoundCount"] == 1
    assert status(named)["runs"] == before
    assert MINE[0] not in everything()
    assert message(alone.message_id).delivery_options["pushSinglecast"][0].startswith("erased:")
    assert export_user("user-42")["properties"] == {"name": "Kari"}
    with pytest.raises(errors.UnknownDevice):
        show_device(MINE[0])
    with pytest.raises(errors.UnknownDevice):
        forget_device(MINE[0])


def test_a_message_that_retention_deletes_meanwhile_is_passed_over(
    people: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = push_to_user("user-42", "Dear Kari").message_id
    found = mentions.find_mentions

    def quicker(connection: db.Connection, *asked: Any) -> list[str]:
        ids = found(connection, *asked)
        connection.execute(text("DELETE FROM pipeline_message"))
        return ids

    monkeypatch.setattr(mentions, "find_mentions", quicker)
    assert erase_user("user-42").devices == 2
    assert status(gone)["status"] == "unknown"


MESSAGES = """
INSERT INTO pipeline_message (id, app_id, channel, content, delivery_options, state, created_at)
SELECT 'm' || n, 'APP-1', '', '{}', CAST(
    '{"pushUsers": ["u' || n || '", "x"], "pushSinglecast": ["d' || n || '"]}' AS jsonb
), 'published', 0 FROM generate_series(1, 20000) AS n
"""


def test_postgresql_finds_the_messages_by_an_index(
    postgresql_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url)
    with db.writing() as connection:
        ensure_app(connection, APP, APP, 0)
        connection.execute(text(MESSAGES))
        connection.execute(text("ANALYZE pipeline_message"))
    with db.reading() as connection, plans_of(connection) as plans:
        for names, one in zip(mentions.Names, "ud", strict=True):
            wanted = [f"{one}7", f"{one}2000", "nobody"]
            found = mentions.find_mentions(connection, APP, names, wanted, 10)
            assert found == ["m2000", "m7"]
    assert "pipeline_message_to_users" in plans[0]
    assert "pipeline_message_to_devices" in plans[1]


def test_the_commands_export_and_erase(
    people: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push_to_user("user-42", "Dear Kari")

    assert run(["users", "export", "user-42"]) == DONE
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["user", "device", "device", "message"]
    assert run(["users", "export", "user-42", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["userId"] == "user-42"
    monkeypatch.setattr("sys.stdin", StringIO())
    assert run(["users", "erase", "user-42"]) == INTERRUPTED
    assert "cannot be undone" in capsys.readouterr().err
    assert run(["users", "erase", "user-42", "--yes"]) == DONE
    assert "2 removed" in capsys.readouterr().out
    assert run(["users", "export", "user-42"]) == DONE
    assert "nothing is held of user-42" in capsys.readouterr().err
    assert run(["devices", "forget", YOURS]) == DONE
    assert run(["devices", "forget", YOURS]) == FAILED
    assert people.device_states() == {}


def test_the_console_exports_erases_and_forgets(api: Client) -> None:
    api.register("dev-1", userId="a/b")
    api.register("dev-2", deviceToken="cd" * 32)
    api("POST", "/messaging/users/a%2Fb", {"message": "x"})
    api.prefix, api.headers = f"/{APP}/console/messaging", {"auth-key": KEY}

    held = api("GET", "/users/a%2Fb").body
    assert [one["deviceId"] for one in held["devices"]] == ["dev-1"]
    assert len(held["messages"]) == 1
    erased = api("DELETE", "/users/a%2Fb").body
    assert erased == {"properties": False, "devices": 1, "blanked": 1, "renamed": 0}
    assert api("GET", "/users/a%2Fb").body["messages"] == []
    assert api("DELETE", "/devices/dev-2").body == {"devices": 1, "renamed": 0}
    assert api("DELETE", "/devices/dev-2").fault == (400, 5000)
    assert api("GET", "/users/").fault == (400, 8007)
