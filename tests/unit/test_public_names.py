"""What `from push_pipeline import …` gives, and what it costs to import the package."""

import subprocess
import sys

import pytest

import push_pipeline

NAMES = [
    *("DeliveryOptions", "PipelineError", "PublishOptions", "Receipt", "RequestError"),
    *("SetupError", "apublish", "cancel", "create_broadcast_channel", "delete_broadcast_channel"),
    *("end_activity", "erase_user", "export_user", "forget_device", "list_broadcast_channels"),
    *("list_devices", "pause", "publish", "push_to_broadcast_channel", "push_to_user"),
    *("push_with_template", "register_device", "remove_activity_token", "report_activity_token"),
    *("resend", "resume", "revive_devices", "show_activity", "show_broadcast_channel"),
    *("show_device", "start_activity", "status", "unregister_device", "update_activity"),
]

#: Packages that a web application does not need before its first publish.
HEAVY = {"celery", "kombu", "cryptography", "lark", "sqlalchemy", "sqlmodel", "pydantic"}


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert push_pipeline.__all__ == NAMES
    assert [name for name in dir(push_pipeline) if not name.startswith("_")] == NAMES
    for name in NAMES:
        assert getattr(push_pipeline, name).__name__ == name


def test_a_star_imports_these_and_nothing_else() -> None:
    taken: dict[str, object] = {}
    exec("from push_pipeline import *", taken)
    assert sorted(taken.keys() - {"__builtins__"}) == NAMES


def test_a_name_that_is_none_is_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="'push_pipeline' has no attribute 'publsh'"):
        getattr(push_pipeline, "publsh")  # noqa: B009 - what is meant


@pytest.mark.parametrize("name", ["push_pipeline", "push_pipeline.pytest_plugin"])
def test_importing_the_package_imports_nothing_heavy(name: str) -> None:
    before = "import sys, pytest; bare = {*sys.modules}"
    asked = f"{before}; import {name}; print(*{{*sys.modules}} - bare)"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not HEAVY & set(loaded)
    assert len(loaded) < 50
