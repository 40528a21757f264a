"""Push templates over HTTP: by name, not stored, and as devices read them."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from push_pipeline import db, push_with_template
from push_pipeline.clock import iso, now_ms
from push_pipeline.directory.access import Access, PublishRule, put_access
from push_pipeline.directory.apps import add_key
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.models import MESSAGE
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway

VIP = PublishRule("vip*", ("editor",))


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    store(name="my tpl x", message="Hello {name}", platforms=["ANDROID"])
    store(name="plain", message="Hello")
    with running_gateway() as client:
        yield client


def store(**template: object) -> None:
    with db.writing() as connection:
        put_template(connection, APP, PUSH, PUSH.read(template), now_ms())


def test_a_template_is_pushed_by_its_name(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        ("plain", {}),
        ("plain", {"templateValues": {}}),
        ("my%20tpl%20x", {"templateValues": {"name": "Kari", "n": 1}}),
        ("my%20tpl%20x", {"name": "Kari"}),
    ]
    api.register()
    for name, body in cases:
        with subtests.test(name=name, body=body):
            answer = api("POST", f"/messaging/push/{name}", body)
            assert answer.status == 200, answer.body
            assert answer.body["status"] == "scheduled"
            assert set(answer.body) == {"messageId", "status", "errorMessage"}


def test_a_push_of_a_template_can_be_delayed_and_repeated(api: Client) -> None:
    body = {"publishAt": now_ms() + 3_600_000, "repeatEvery": 60, "name": "Kari"}
    answer = api("POST", "/messaging/push/my%20tpl%20x", body)

    assert answer.status == 200, answer.body
    message_id = answer.body["messageId"]
    (run,) = api("GET", f"/messaging/{message_id}/ledger").body["runs"]
    assert (run["state"], run["dueAt"]) == ("scheduled", iso(body["publishAt"]))
    assert api("DELETE", f"/messaging/{message_id}").body["status"] == "cancelled"
    assert api("POST", "/messaging/push/plain", {"publishAt": 1}).fault == (400, 5030)
    wrong = {"repeatEvery": 5, "repeatExpiresAt": 1}
    assert api("POST", "/messaging/push/plain", wrong).fault == (400, 5003)
    assert api("POST", "/messaging/push/plain", {"repeatEvery": []}).fault == (400, 8008)


def test_a_push_of_a_template_can_go_by_the_clock_of_each_device(api: Client) -> None:
    api.register("anna", timeZone="Europe/Berlin")
    answer = api("POST", "/messaging/push/plain", {"publishAtLocal": "2099-01-01T09:00"})

    assert answer.status == 200, answer.body
    runs = api("GET", f"/messaging/{answer.body['messageId']}/ledger").body["runs"]
    assert {run["zone"]: run["dueAt"] for run in runs} == {
        "Europe/Berlin": "2099-01-01T08:00:00.000Z",
        "UTC": "2099-01-01T09:00:00.000Z",
    }
    wrong = {"publishAtLocal": "2099-01-01T09:00", "repeatEvery": 60}
    assert api("POST", "/messaging/push/plain", wrong).fault == (400, 8008)
    assert api("POST", "/messaging/push/plain", {"publishAtLocal": "soon"}).fault == (400, 5030)


def test_a_repeated_push_with_the_same_idempotency_key_is_sent_once(api: Client) -> None:
    for path, body in (("push/plain", {}), ("push", {"message": "Now", "platforms": []})):
        first, second = (
            api("POST", f"/messaging/{path}", body, Idempotency_Key=f"once: {path}").body
            for _ in range(2)
        )
        other = api("POST", f"/messaging/{path}", body, Idempotency_Key=f"again: {path}").body
        assert first["messageId"] == second["messageId"] != other["messageId"]


def test_a_push_to_every_channel_needs_leave_for_every_channel(api: Client) -> None:
    store(name="everywhere", message="x", channelName="", segmentQuery="channelName = 'vip'")
    everywhere = {"message": "x", "channelName": ""}
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="news only", channel_patterns=["news*"])
        opened = ("publish",)
        put_access(connection, Access(APP, open_scopes=opened, publish_rules=(VIP,)), now_ms())

    def push(path: str, body: dict, prefix: str) -> tuple[int, object]:
        answer = api("POST", f"/messaging/{path}", body, prefix=prefix)
        return answer.status, answer.body.get("code")

    for prefix in ("/api", api.prefix, f"/{APP}/news%20only"):
        assert push("push/everywhere", {}, prefix) == (400, 5007)
        assert push("push", everywhere, prefix) == (400, 5007)
    assert push("push", {"message": "x", "channelName": "open"}, "/api") == (200, None)

    later = {"publishAt": now_ms() + 3_600_000}
    with db.writing() as connection:
        put_access(connection, Access(APP), now_ms())
    waiting = push_with_template("everywhere", app=APP, publish_at=later["publishAt"]).message_id
    with db.writing() as connection:
        put_access(connection, Access(APP, publish_rules=(VIP,)), now_ms())
    assert api("DELETE", f"/messaging/{waiting}").fault == (400, 5007)


def test_a_push_of_a_template_without_variables_needs_no_body(api: Client) -> None:
    answer = api("POST", "/messaging/push/plain")

    assert (answer.status, answer.body["status"]) == (200, "scheduled")


def test_what_is_wrong_with_a_push_of_a_template_is_named(api: Client) -> None:
    assert api("POST", "/messaging/push/nobody/knows", {}).fault == (400, 5060)
    missing = api("POST", "/messaging/push/my%20tpl%20x", {"templateValues": {}})
    assert missing.fault == (400, 8007)
    assert "name" in missing.body["message"]
    assert api("POST", "/messaging/push/plain", {"templateValues": 7}).fault == (400, 8008)


@pytest.mark.parametrize("values", [{"templateValues": {}}, {}, {"name": "Kari", "user": "K"}])
def test_a_push_of_a_template_is_narrowed_by_what_the_body_names(api: Client, values: dict) -> None:
    named = {
        "pushSinglecast": ["dev-1"],
        "pushBroadcast": "ANDROID|OSX",
        "segmentQuery": "os = 'OSX'",
    }

    answer = api("POST", "/messaging/push/plain", {**named, **values})

    assert answer.status == 200, answer.body
    with db.reading() as connection:
        wanted = select(MESSAGE.delivery_options).where(MESSAGE.id == answer.body["messageId"])
        stored = connection.execute(wanted).scalar_one()
    assert {name: stored[name] for name in named} == named


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"pushSinglecasts": ["a"]}, 8008),
        ({"pushsinglecast": "a"}, 8008),
        ({"templateValues": {}, "users": ["a"]}, 8008),
        ({"deliveryOptions": {"pushSinglecast": ["a"]}}, 8008),
        ({"publishAt": None}, 5030),
        ({"segmentQuery": "os ="}, 1017),
    ],
)
def test_what_would_widen_a_push_of_a_template_is_refused(
    api: Client, body: dict, code: int
) -> None:
    assert api("POST", "/messaging/push/plain", body).fault == (400, code)


@pytest.mark.parametrize("more", [{}, {"headers": {}}, {"segmentQuery": "os = 'IOS'"}])
def test_a_publish_to_a_channel_of_the_reserved_name_is_no_push_of_a_template(
    api: Client, more: dict
) -> None:
    assert api("POST", "/messaging/push", {"message": "x", **more}).fault == (400, 5044)


def test_a_template_that_is_not_stored_is_pushed_as_it_is(api: Client) -> None:
    api.register()
    answer = api("POST", "/messaging/push", {"message": "Now", "platforms": ["IOS"]})

    assert answer.status == 200
    assert answer.body.pop("messageId").startswith("message:")
    assert answer.body | {"messageId": ""} == {
        "messageId": "",
        "status": "scheduled",
        "errorMessage": None,
        "sendingTimeInMillis": 0,
        "successfulSendsAmount": 0,
        "failedSendsAmount": 0,
    }
    assert api("POST", "/messaging/push", {"message": 7, "platforms": []}).fault == (400, 8008)
    assert api("POST", "/messaging/push", {}).fault[0] == 400


def test_devices_read_the_templates_of_their_system_as_an_object_by_name(api: Client) -> None:
    for device_type in ("IOS", "ios", "osx"):
        assert set(api("GET", f"/messaging/pushtemplates/{device_type}").body) == {"plain"}
    assert set(api("GET", "/messaging/pushtemplates").body) == {"plain"}
    android = api("GET", "/messaging/pushtemplates/android").body
    assert set(android) == {"plain", "my tpl x"}
    assert android["plain"]["name"] == "plain"
    assert android["plain"]["colorCode"] == 0x3E86C4
    assert api("GET", "/messaging/pushtemplates/symbian").fault == (400, 8008)
