"""The commands about users and devices, run in this process: each starts in half a second else."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import db, register_device
from push_pipeline.cli.root import DONE, FAILED, WRONG_USAGE, run
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.models import MESSAGE
from push_pipeline.settings import Settings

TOKEN = "ab" * 32


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


@pytest.fixture
def says(
    settings: Settings, configure: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command that must succeed and return what it prints."""
    configure(app_id="shop")
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())
    register_device("phone-1", TOKEN, "IOS", channels=["news"], userId="42")
    register_device("phone-2", "cd" * 32, "IOS", channels=["news"], userId="43")

    def command(*arguments: str) -> str:
        code = run(arguments)
        printed = capsys.readouterr()
        assert code == DONE, printed.err
        return printed.out

    return command


def test_a_message_to_users_needs_no_channel(says) -> None:
    sent = says("publish", "Hello", "--user", "42", "--user", "43").strip()
    says("publish", "news", "Hello", "--user", "42")
    with db.writing() as connection:
        put_template(connection, "shop", PUSH, PUSH.read({"name": "t", "message": "x"}), now_ms())
    says("push", "t", "--user", "42")

    with db.reading() as connection:
        rows = connection.execute(select(MESSAGE.id, MESSAGE.channel, MESSAGE.delivery_options))
        told = {key: (channel, options["pushUsers"]) for key, channel, options in rows}
    assert told.pop(sent) == ("", ["42", "43"])
    assert sorted(told.values()) == [("default", ["42"]), ("news", ["42"])]


def test_a_key_that_was_used_says_so_and_one_that_said_something_else_is_refused(
    says, capsys: pytest.CaptureFixture[str]
) -> None:
    publish = ("publish", "news", "Hello", "--key", "order-7", "--json")
    first, again = (json.loads(says(*publish)) for _ in range(2))

    assert again == {**first, "replayed": True}
    for command in (("publish", "news", "Hello"), ("push", "t")):
        with db.writing() as connection:
            put_template(connection, "shop", PUSH, PUSH.read({"name": "t", "message": "x"}), 1)
        later = (*command, "--key", command[0], "--json", "--at", "+10m", "--every", "1h")
        times = [json.loads(says(*later, "--until", "+7d")) for _ in range(2)]
        assert times[1] == {**times[0], "replayed": True}
        assert run((*later, "--until", "+8d")) == FAILED
        capsys.readouterr()
    assert run(("publish", "news", "Bye", "--key", "order-7")) == FAILED
    assert "has said something else" in capsys.readouterr().err


def test_a_dry_run_counts_the_devices_of_the_users(says) -> None:
    counted = json.loads(says("publish", "Hello", "--user", "42", "--dry-run", "--json"))

    assert (counted["audience"], counted["byPlatform"]) == (1, {"IOS": 1})


def test_a_template_is_shown_to_whom_and_as_what_without_being_pushed(says) -> None:
    with db.writing() as connection:
        template = PUSH.read({"name": "t", "message": "Hi {name}", "channelName": "news"})
        put_template(connection, "shop", PUSH, template, now_ms())
    asked = ("push", "t", "--value", "name=Ann", "--user", "42", "--dry-run", "--json")

    shown = json.loads(says(*asked))

    assert (shown["audience"], shown["byPlatform"]) == (1, {"IOS": 1})
    assert shown["notifications"]["IOS"]["body"]["aps"]["alert"]["body"] == "Hi Ann"
    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).all() == []
    assert run(["push", "other", "--dry-run"]) == FAILED


def test_one_word_without_a_user_is_wrong_usage(says, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["publish", "Hello"]) == WRONG_USAGE
    assert run(["publish", "Hello", "--user", ""]) == FAILED
    assert run(["publish", "news", "--user", "42"]) == FAILED  # the text was forgotten
    assert "'news' is a channel" in capsys.readouterr().err
    assert says("publish", "", "news", "--user", "42", "--dry-run")
