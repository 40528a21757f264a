"""The cookbook, recipe by recipe as it stands; those for Django are run by the shop's tests."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from push_pipeline import db, show_device, status
from push_pipeline.cli.root import run
from push_pipeline.models import MESSAGE
from push_pipeline.testing import Outbox
from tests.installation import Installation

COOKBOOK = (Path(__file__).parents[2] / "deploy" / "cookbook.md").read_text()

PHONE, OTHER = "aa" * 32, "bb" * 32
DROID = f"q{1:021d}:APA91b{'z' * 134}"


def block(title: str, language: str = "python") -> str:
    recipe = COOKBOOK.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    [code] = re.findall(rf"```{language}\n(.*?)```", recipe, re.DOTALL)
    return code


def cook(title: str) -> dict:
    names: dict = {"__name__": "recipe"}
    exec(compile(block(title), "cookbook.md", "exec", dont_inherit=True), names)
    return names


def sent(installation: Installation) -> dict[str, dict]:
    """Return the last document that each token got."""
    return {one["token"]: json.loads(one["body"]) for one in installation.simulator.log()}


def last_message() -> str:
    with db.reading() as connection:
        return connection.scalars(select(MESSAGE.id).order_by(MESSAGE.created_at.desc())).first()


def test_news_to_some(installation: Installation) -> None:
    installation.register([PHONE], properties={"city": "Oslo"})
    installation.register([OTHER], properties={"city": "Bergen"})
    installation.work(cook("News to a channel, for some of it")["receipt"].message_id)
    assert [*sent(installation)] == [PHONE]


def test_a_silent_refresh(installation: Installation) -> None:
    installation.register([PHONE])
    installation.register([DROID], "ANDROID")
    cook("Refresh the app without a sound")
    installation.work(last_message())
    got = sent(installation)
    assert got[PHONE]["aps"] == {"content-available": 1}
    assert got[PHONE]["reload"] == got[DROID]["message"]["data"]["reload"] == "inbox"
    assert "notification" not in got[DROID]["message"]["android"]


def test_badges(installation: Installation) -> None:
    [device] = installation.register([PHONE], userId="42")
    names = cook("Count on the badge")
    for _ in range(2):
        names["tell"]("42", "A letter")
        installation.work(last_message())
    assert sent(installation)[PHONE]["aps"]["badge"] == 2
    names["inbox_was_read"](device, PHONE)
    assert show_device(device)["badge"] == 0


def test_each_week_until_it_is_enough(installation: Installation) -> None:
    installation.register([PHONE], timezone="Asia/Tokyo")
    names = cook("Nine o'clock wherever they are, each week, until it is enough")
    message_id = names["receipt"].message_id
    assert status(message_id)["status"] == "scheduled"
    names["stop"]()
    assert status(message_id)["status"] == "cancelled"


def test_languages(installation: Installation) -> None:
    installation.register([PHONE], locale="de-AT")
    installation.register([OTHER], locale="fr")
    cook("Say it in each device's language")
    installation.work(last_message())
    alerts = {token: body["aps"]["alert"] for token, body in sent(installation).items()}
    assert alerts[PHONE] == {"title": "Küche", "body": "Das Essen ist fertig"}
    assert alerts[OTHER] == {"title": "Kitchen", "body": "Dinner is ready"}


def test_a_picture(installation: Installation) -> None:
    installation.register([PHONE])
    installation.register([DROID], "ANDROID")
    cook("A picture, on both systems")
    installation.work(last_message())
    got = sent(installation)
    shown = got[DROID]["message"]["android"]["notification"]
    assert got[PHONE]["aps"]["mutable-content"] == 1
    assert "boots.jpg" in json.dumps(got[PHONE])
    assert shown["title"] == "New"
    assert "boots.jpg" in shown["image"]
    assert shown["channel_id"] == "offers"


def test_what_may_run_twice(installation: Installation) -> None:
    installation.register([PHONE], userId="42")
    shipped = cook("Publish from what may run twice")["shipped"]
    order = SimpleNamespace(buyer="42", key="6f1c0e0a-0a58-4c5e-9d0f-2b7c2f1f6f0e")
    first, second = shipped(order), shipped(order)
    assert (second.message_id, second.replayed) == (first.message_id, True)


def test_a_test_of_a_host(pushes: Outbox) -> None:
    cook("Test it in your own suite")["test_the_buyer_is_told"](pushes)


def test_what_became_of_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.register([PHONE, OTHER])
    installation.simulator.devices([{"token": OTHER, "state": "dead"}])
    names = cook("What became of one message")
    installation.work(names["receipt"].message_id)
    assert names["became"]() == {"audience": 2, "accepted": 1, "rejected": 1, "inFlight": 0}
    command = block("What became of one message", "sh")
    words = shlex.split(command.replace("$MESSAGE_ID", names["receipt"].message_id))
    assert run(words[1:]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "Unregistered"


def test_somebody_who_wants_to_be_forgotten(installation: Installation) -> None:
    installation.register([PHONE], userId="42")
    held = cook("Somebody wants to be forgotten")["privacy_request"]("42")
    assert PHONE[-4:] in json.dumps(held, default=str)
    installation.simulator.reset()
    assert installation.device_states() == {}


def test_every_recipe_is_run() -> None:
    """Here, or by the shop in Django."""
    run_by = Path(__file__).read_text()
    run_by += (Path(__file__).parents[1] / "hosts/django_shop/shop/tests.py").read_text()
    titles = re.findall(r"^## (.*)$", COOKBOOK, re.MULTILINE)
    assert len(titles) >= 12
    assert [title for title in titles if f'"{title}"' not in run_by] == []
