"""Apps and their keys."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from push_pipeline import db
from push_pipeline.cli.root import app as cli
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import (
    add_key,
    android_style,
    create_app,
    ensure_app,
    list_apps,
    resolve_app,
    set_android_style,
)
from push_pipeline.errors import InvalidParameter, UnknownApp
from push_pipeline.settings import Settings


def test_a_key_of_another_app_is_refused_and_not_silently_left_out(settings: Settings) -> None:
    with db.writing() as connection:
        one, other = (create_app(connection, name, now_ms()) for name in ("One", "Other"))
        assert add_key(connection, one, now_ms(), key="shared") == "shared"
        assert add_key(connection, one, now_ms(), key="shared") == "shared"
        with pytest.raises(InvalidParameter, match="another app"):
            add_key(connection, other, now_ms(), key="shared")


def test_no_part_of_a_key_that_is_made_looks_like_an_option(settings: Settings) -> None:
    with db.writing() as connection:
        app = create_app(connection, "One", now_ms())
        keys = {add_key(connection, app, now_ms()) for _ in range(50)}
    assert len(keys) == 50
    assert all(key.isalnum() and len(key) == 48 for key in keys)


def test_an_app_is_created_once(settings: Settings) -> None:
    with db.writing() as connection:
        assert create_app(connection, "One", now_ms(), "ID-1") == "ID-1"
        assert not ensure_app(connection, "ID-1", "Two", now_ms())
        with pytest.raises(InvalidParameter, match="exists already"):
            create_app(connection, "Two", now_ms(), "ID-1")
        assert [app.name for app in list_apps(connection)] == ["One"]


def test_the_app_that_is_meant_is_the_named_the_default_or_the_only_one(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    with db.writing() as connection:
        with pytest.raises(UnknownApp, match="no app yet"):
            resolve_app(connection, None)
        create_app(connection, "One", now_ms(), "ID-1")
        assert resolve_app(connection, None) == "ID-1"
        create_app(connection, "Two", now_ms(), "ID-2")
        with pytest.raises(UnknownApp, match="several apps"):
            resolve_app(connection, None)
        assert resolve_app(connection, "ID-2") == "ID-2"
        configure(app_id="ID-1")
        assert resolve_app(connection, None) == "ID-1"


def test_who_shows_an_apps_pushes_is_the_app_until_it_is_said(settings: Settings) -> None:
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "An app", 0)
        assert android_style(connection, "APP-1") == "data"
        with pytest.raises(InvalidParameter, match="use data, notification, both"):
            set_android_style(connection, "APP-1", "blink")

    result = CliRunner().invoke(cli, ["app", "set", "APP-1", "--android-style", "Both"])

    assert result.exit_code == 0
    assert "both" in result.stdout.split()
