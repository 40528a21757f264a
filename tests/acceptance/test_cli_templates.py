"""Stored templates from the shell, as an operator keeps and pushes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from push_pipeline import default_app
from push_pipeline.settings import Settings
from tests.in_process import run_cli


@pytest.fixture
def shop(
    configure: Callable[..., Settings], sqlite_url: str, broker_url: str, tmp_path: Path
) -> Path:
    """An installation with the default app; returns the folder commands are run in."""
    settings = configure(database_url=sqlite_url, broker_url=broker_url, app_id="shop")
    default_app.sync(settings)
    return tmp_path


def write(folder: Path, content: object) -> str:
    path = folder / "templates.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_a_template_is_put_listed_and_pushed(shop: Path) -> None:
    file = write(shop, [{"name": "rain", "message": "Rain in {city}", "platforms": ["IOS"]}])
    assert run_cli("template", "put", file).stdout == "rain\n"
    assert run_cli("template", "list").stdout.split() == ["rain", "default", "IOS"]
    listed = json.loads(run_cli("template", "list", "--json").stdout)
    assert listed[0]["message"] == "Rain in {city}"

    pushed = run_cli("push", "rain", "--value", "city=Oslo", "--at", "+1h", "--json")
    assert json.loads(pushed.stdout)["status"] == "scheduled"


def test_a_push_goes_by_the_clock_of_each_device_and_is_listed(shop: Path) -> None:
    run_cli("template", "put", write(shop, {"name": "rain", "message": "Rain"}))
    pushed = run_cli("push", "rain", "--at", "09:00", "--local")
    assert pushed.returncode == 0, pushed.stderr
    assert "UTC and others" in run_cli("schedule", "list").stdout
    refused = run_cli("push", "rain", "--local")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--local needs --at" in refused.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["push", "rain"], "{city}"),
        (["push", "snow"], "'snow'"),
        (["push", "rain", "--value", "city"], "NAME=VALUE"),
        (["template", "put", "missing.json"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(shop: Path, words: list[str], hint: str) -> None:
    run_cli("template", "put", write(shop, {"name": "rain", "message": "Rain in {city}"}))
    done = run_cli(*words)
    assert done.returncode == 1
    assert hint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_all_of_a_file_is_stored_or_nothing(shop: Path) -> None:
    file = write(shop, [{"name": "a", "message": "A"}, {"name": "b"}])
    done = run_cli("template", "put", file)
    assert done.returncode == 1
    assert "message" in done.stderr
    assert run_cli("template", "list").stdout == ""
