"""Stored templates: kept by name, found by devices, and refused with the API's codes."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import db, push_with_template
from push_pipeline.directory import templates
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.templates import CHANNEL, PUSH, buttons_for
from push_pipeline.directory.users import put_user
from push_pipeline.errors import InvalidParameter, MissingParameter, UnknownTemplate
from push_pipeline.models import USER
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings

APP = "APP-1"


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "an app", 1)
        ensure_app(connection, "APP-2", "another app", 1)


def put(name: str, kind: templates.Kind = PUSH, app_id: str = APP, **fields: object) -> object:
    body = {"name": name, **({"message": "Hello"} if kind is PUSH else {}), **fields}
    with db.writing() as connection:
        return templates.put_template(connection, app_id, kind, kind.read(body), 1)


def test_putting_a_template_twice_keeps_one_with_the_same_id() -> None:
    first, second = put("welcome"), put("welcome", message="Hi")
    assert first.id == second.id
    assert len(first.id) == 24
    with db.reading() as connection:
        assert templates.get_template(connection, APP, PUSH, "welcome") == second
        assert templates.list_templates(connection, APP, PUSH) == [second]


def test_a_name_is_taken_once_for_each_kind_platform_and_app() -> None:
    put("a")
    put("a", CHANNEL)
    put("a", buttons_for(Platform.IOS), platform="IOS")
    put("a", buttons_for(Platform.ANDROID), platform="ANDROID")
    put("a", app_id="APP-2")
    again = PUSH.read({"name": "a", "message": "x"})
    with db.writing() as connection, pytest.raises(InvalidParameter, match="already"):
        templates.create_template(connection, APP, PUSH, again, 1)


def test_a_template_is_renamed_unless_the_name_is_taken_or_it_is_unknown() -> None:
    put("a")
    put("b")
    renamed = PUSH.read({"name": "c", "message": "x"})
    with db.writing() as connection:
        changed = templates.change_template(connection, APP, PUSH, "a", renamed, 1)
    assert changed.name == "c"
    with db.reading() as connection:
        names = [one.name for one in templates.list_templates(connection, APP, PUSH)]
    assert names == ["b", "c"]
    with pytest.raises(InvalidParameter, match="already"), db.writing() as connection:
        templates.change_template(connection, APP, PUSH, "b", renamed, 1)
    with pytest.raises(UnknownTemplate) as caught, db.writing() as connection:
        templates.change_template(connection, APP, PUSH, "a", renamed, 1)
    assert caught.value.code == 5060


def test_templates_are_removed_by_their_names() -> None:
    for name in ("a", "b", "c"):
        put(name)
    with db.writing() as connection:
        assert templates.delete_templates(connection, APP, PUSH, ["a", "c", "zzz"]) == 2
        assert [one.name for one in templates.list_templates(connection, APP, PUSH)] == ["b"]


def test_devices_are_told_of_the_templates_for_their_system() -> None:
    put("everywhere", options={"android": {"channelTemplate": "loud"}})
    put("ios only", platforms=["IOS"])
    put("loud", CHANNEL, priority=5)
    with db.reading() as connection:
        told = templates.templates_for_devices(connection, APP, Platform.ANDROID)
        assert set(told) == {"everywhere"}
        assert told["everywhere"]["priority"] == 5
        ios = templates.templates_for_devices(connection, APP, Platform.IOS)
    assert set(ios) == {"everywhere", "ios only"}


def test_a_template_without_a_name_cannot_be_stored() -> None:
    with db.writing() as connection, pytest.raises(MissingParameter):
        templates.put_template(connection, APP, PUSH, PUSH.read({"message": "x"}), 1)


def test_an_unknown_template_is_refused_by_its_code() -> None:
    with pytest.raises(UnknownTemplate, match="'nothing'") as caught:
        push_with_template("nothing")
    assert caught.value.code == 5060


def test_a_user_s_properties_are_replaced() -> None:
    with db.writing() as connection:
        put_user(connection, APP, "ann", {"name": "Ann", "age": 20}, 1)
        put_user(connection, APP, "ann", {"name": "Ann", "home": {"city": "Oslo 😀"}}, 2)
        kept = connection.execute(select(USER.app_id, USER.properties)).all()
    assert kept == [(APP, {"name": "Ann", "home": {"city": "Oslo 😀"}})]


@pytest.mark.parametrize(
    "properties",
    [None, [], "x", {"a": "\0"}, {"a": "\ud800"}, {1: 2}, {"a": "x" * 70_000}],
)
def test_properties_that_cannot_be_kept_or_sent_are_refused(properties: object) -> None:
    with db.writing() as connection, pytest.raises(InvalidParameter):
        put_user(connection, APP, "ann", properties, 1)


@pytest.mark.parametrize("user_id", ["", None, "x" * 513, "\0", "\ud800"])
def test_a_user_has_an_id(user_id: object) -> None:
    with db.writing() as connection, pytest.raises((InvalidParameter, MissingParameter)):
        put_user(connection, APP, user_id, {}, 1)
