"""publish --dry-run: who would get a message, how large it is, what it looks like; no row."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from push_pipeline import db, register_device
from push_pipeline.cli.root import DONE, run
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app, set_android_style
from push_pipeline.models import CHANNEL, MESSAGE
from push_pipeline.settings import Settings

ANDROID = "x" * 150 + ":"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


@pytest.fixture
def says(
    settings: Settings, configure: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    configure(app_id="shop")
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())
        set_android_style(connection, "shop", "notification")
    news = {"channels": ["news"]}
    register_device("iphone", "ab" * 32, "IOS", locale="de-AT", **news)
    register_device("pixel", f"{ANDROID}1", "ANDROID", locale="en", **news)
    register_device("nexus", f"{ANDROID}2", "ANDROID", **news)

    def dry_run(*arguments: str) -> str:
        assert run(["publish", *arguments, "--dry-run"]) == DONE
        return capsys.readouterr().out

    return dry_run


def test_a_dry_run_says_who_would_get_what_and_writes_nothing(says) -> None:
    said = ("news", "Dinner", "--header", "ios-badge=many", "--json")

    told = json.loads(says(*said))

    assert (told["audience"], told["byPlatform"]) == (3, {"ANDROID": 2, "IOS": 1})
    assert told["byLocale"] == {"de-AT": 1, "en": 1, "unknown": 1}
    assert told["warnings"] == [{"field": "ios-badge", "reason": "APNs has no place for it"}]
    apple, android = (told["notifications"][name] for name in ("IOS", "ANDROID"))
    assert apple["body"]["aps"]["alert"]["body"] == "Dinner"
    assert apple["headers"]["apns-push-type"] == "alert"
    assert (apple["bytes"], apple["limit"]) == (
        len(json.dumps(apple["body"], separators=(",", ":"))),
        4096,
    )
    assert android["body"]["message"]["android"]["notification"] == {"body": "Dinner"}
    with db.reading() as connection:
        assert connection.scalar(select(func.count(MESSAGE.id))) == 0
        assert connection.scalars(select(CHANNEL.name)).all() == ["news"]


def test_a_dry_run_counts_by_the_language_that_devices_would_get(says) -> None:
    texts = ("--text", "de=Das Abendessen ist fertig", "--text", "fr=Dîner")

    told = json.loads(says("news", "Dinner", *texts, "--json"))

    assert told["byLanguage"] == {"default": 2, "de": 1}
    assert "byLocale" not in told
    shorter = json.loads(says("news", "Dinner", "--json"))
    sizes = [one["notifications"]["IOS"]["bytes"] for one in (shorter, told)]
    assert sizes[1] - sizes[0] == 2 * (len("Das Abendessen ist fertig") - len("Dinner"))


def test_a_dry_run_for_people_has_a_line_for_each_platform_and_its_notification(says) -> None:
    printed = says("news", "Dinner")

    lines = printed.partition("\n\n")[0].splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        *(["ANDROID", "2"], ["IOS", "1"]),
        ["audience", "3"],
    ]
    assert " of 4,096 bytes" in lines[0]
    assert "apns-push-type: alert" in printed


def test_a_dry_run_to_nobody_shows_what_every_platform_would_get(says) -> None:
    told = json.loads(says("elsewhere", "Dinner", "--json"))

    assert (told["audience"], told["byPlatform"]) == (0, {})
    assert set(told["notifications"]) == {"IOS", "ANDROID", "OSX", "WEB"}
    only = json.loads(says("news", "Dinner", "--os", "OSX", "--json"))
    assert set(only["notifications"]) == {"OSX"}
    assert json.loads(says("news", "Dinner", "--os", "NONE", "--json"))["audience"] == 0
