"""Live Activities over HTTP and on the command line: the same functions, the API's errors."""

import json
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from push_pipeline import db, register_device
from push_pipeline.cli.root import run
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from push_pipeline.models import MESSAGE
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, IOS_TOKEN, Client, make_app, running_gateway

START = {
    "attributesType": "MatchAttributes",
    "attributes": {"home": "Ajax"},
    "state": {"score": "0-0"},
    "alert": "Kick-off",
    "pushUsers": ["ada"],
}


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    register_device("phone", IOS_TOKEN, "IOS", userId="ada", app=APP)
    with running_gateway() as client:
        yield client


def test_an_activity_is_told_over_http_and_its_tokens_are_reported(api: Client) -> None:
    report = "/messaging/registrations/activities"
    told = {"deviceId": "phone", "token": "ab" * 64}
    assert api("POST", report, {**told, "attributesType": "MatchAttributes"}).status == 200

    started = api("POST", "/messaging/activities/order%2F7/start", START)
    assert (started.status, started.body["status"]) == (200, "scheduled")
    mine = {**told, "activityId": "order/8", "token": "cd" * 64}
    assert api("POST", report, mine).body == {"ended": False, "timestamp": None, "state": None}
    updated = api("POST", "/messaging/activities/order%2F8/update", {"state": {"n": 1}})
    assert updated.status == 200
    shown = api("GET", "/messaging/activities/order%2F8").body
    assert (shown["event"], shown["state"], shown["addresses"]) == ("update", {"n": 1}, 1)
    assert api("POST", "/messaging/activities/order%2F8/end", {}).status == 200
    assert api("POST", report, mine).body["ended"] is True
    api("POST", report, {**mine, "token": None})
    assert api("GET", "/messaging/activities/order%2F8").body["addresses"] == 0


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/messaging/activities/m/start", {**START, "pushUsers": []}, (400, 8008)),
        ("/messaging/activities/m/start", {**START, "state": None}, (400, 8007)),
        ("/messaging/activities/m/start", {**START, "repeatEvery": 60}, (400, 8008)),
        ("/messaging/activities/m/start", {**START, "priority": 1}, (400, 8008)),
        ("/messaging/activities/m/start", {**START, "template": "goal"}, (400, 8008)),
        (
            "/messaging/activities/m/start",
            {**START, "alert": None, "template": "goal"},
            (400, 5060),
        ),
        ("/messaging/activities/m/update", {"state": {"n": 1}}, (404, 5045)),
        ("/messaging/activities/m/update", {"state": {}, "channel": "news"}, (400, 8008)),
        ("/messaging/activities/m/update", {"state": {}, "pushUsers": ["ada"]}, (400, 8008)),
        ("/messaging/activities/m/pause", {"state": {}}, (400, 8008)),
        ("/messaging/registrations/activities", {"deviceId": "phone", "token": "ab"}, (400, 8007)),
        (
            "/messaging/registrations/activities",
            {"deviceId": "phone", "token": "no hex", "activityId": "m"},
            (400, 8008),
        ),
        (
            "/messaging/registrations/activities",
            {"deviceId": "nobody", "token": "ab" * 64, "activityId": "m"},
            (400, 5000),
        ),
    ],
)
def test_what_is_wrong_has_the_apis_code(
    api: Client, path: str, body: dict[str, object], fault: tuple[int, int]
) -> None:
    assert api("POST", path, body).fault == fault


def test_a_key_tells_of_activities_what_its_scopes_let_it(api: Client) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="ONLY-REGISTER", scopes=("register",))
    prefix = f"/{APP}/ONLY-REGISTER"

    assert api("POST", "/messaging/activities/m/start", START, prefix=prefix).fault == (400, 5007)
    assert api("GET", "/messaging/activities/m", prefix=prefix).fault == (400, 2000)


def test_the_command_line_tells_an_activity(
    api: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["activity", "token", "phone", "ab" * 64, "--activity", "order/8"]) == 0
    assert run(["activity", "update", "order/8", "--state", '{"n": 1}', "--json"]) == 0
    message = json.loads(capsys.readouterr().out)["messageId"]
    assert run(["activity", "show", "order/8"]) == 0
    told = capsys.readouterr().out
    assert message in told
    assert '{"n":1}' in told
    goal = ["activity", "update", "order/8", "--state", "{}", "--alert", "Goal"]
    assert run([*goal, "--text", "de:body=1:0"]) == 1
    assert "--text needs a body" in capsys.readouterr().err
    assert run([*goal, "--text", "de=Tor", "--json"]) == 0
    message = json.loads(capsys.readouterr().out)["messageId"]
    with db.reading() as connection:
        content = connection.scalar(select(MESSAGE.content).where(MESSAGE.id == message))
    assert content["activity"]["alert"] == {"title": "Goal"}
    assert content["languages"] == {"de": {"activity": {"alert": {"title": "Tor"}}}}
    update = ["activity", "update", "order/8", "--state", "{}"]
    assert run([*update, "--template", "none such", "--value", "who=Ajax"]) == 1
    assert "none such" in capsys.readouterr().err
    assert run(["activity", "end", "order/8", "--dismiss", "now"]) == 0
    assert run(["activity", "update", "order/8", "--state", "{}"]) == 1
    assert "no activity 'order/8' is under way" in capsys.readouterr().err
    assert run(["activity", "update", "order/8", "--state", "{"]) == 1
