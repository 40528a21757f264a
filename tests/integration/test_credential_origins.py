"""Credentials from files, variables and the machine: stored, and told where they are from."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from push_pipeline import db, default_app
from push_pipeline.cli import checks
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.clock import now_ms
from push_pipeline.credentials import FcmCredential, unseal
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import find_credential
from push_pipeline.settings import Settings
from tests.unit.senders.providers import KEY_ID, TEAM_ID, TOPIC, ec_key, service_account

pytestmark = pytest.mark.usefixtures("nobody_answers")

SECRET = "a secret of the tests only"
APNS = ("app", "credentials", "apns", "shop", "--topic", TOPIC)
FCM = ("app", "credentials", "fcm", "shop")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


@pytest.fixture(autouse=True)
def shop(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id="shop")
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())


def doctor() -> list[str]:
    return [one.says for one in checks.examine() if one.name == "credentials"]


def stored(provider: str, environment: str = "") -> object:
    with db.reading() as connection:
        sealed = find_credential(connection, "shop", provider, environment)
    assert sealed is not None
    return unseal(SECRET, sealed)


def test_commands_read_variables_and_doctor_says_where_each_credential_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, account = ec_key(), service_account()
    (tmp_path / "key.p8").write_text(key)
    monkeypatch.setenv("APPLES_KEY", key.replace("\n", "\\n"))
    monkeypatch.setenv("GOOGLES", json.dumps(account))
    ids = ("--key-id", KEY_ID, "--team-id", TEAM_ID)

    assert run([*APNS, *ids, "--from-env", "APPLES_KEY"]) == DONE
    assert run([*APNS, *ids, "--key-file", "key.p8", "--environment", "sandbox"]) == DONE
    assert run([*FCM, "--from-env", "GOOGLES"]) == DONE
    assert stored("fcm") == FcmCredential(service_account=account)
    assert stored("apns", "production").key_pem == key
    assert sorted(says.partition("; from ")[2] for says in doctor()) == [
        "the environment variable APPLES_KEY",
        "the environment variable GOOGLES",
        "the file key.p8",
    ]
    assert run([*FCM, "--project-id", "a-project"]) == DONE
    assert stored("fcm") == FcmCredential(project="a-project")
    assert any("the identity of the machine" in says for says in doctor())

    capsys.readouterr()
    for wrong in (
        [*APNS, *ids, "--from-env", "NOWHERE"],
        [*APNS, *ids, "--from-env", "APPLES_KEY", "--key-file", "key.p8"],
        [*FCM],
        [*FCM, "--from-env", "APPLES_KEY"],
        [*FCM, "--from-env", "GOOGLES", "--project-id", "a-project"],
    ):
        assert run(wrong) == FAILED
    assert "PRIVATE KEY" not in capsys.readouterr().err


def test_the_default_app_takes_them_from_settings(configure: Callable[..., Settings]) -> None:
    key = ec_key().replace("\n", "\\n")
    apns = {
        "apns_key_pem": key,
        "apns_key_id": KEY_ID,
        "apns_team_id": TEAM_ID,
        "apns_topic": TOPIC,
    }
    given = configure(**apns, fcm_service_account_json=json.dumps(service_account()))
    assert "PRIVATE KEY" not in repr(given)

    default_app.sync(given)
    default_app.sync(given)

    assert [says.partition("; from ")[2] for says in doctor()] == [
        "the setting PIPELINE_APNS_KEY_PEM",
        "the setting PIPELINE_FCM_SERVICE_ACCOUNT_JSON",
    ]
    default_app.sync(configure(fcm_service_account_json=None, fcm_project_id="a-project"))
    assert stored("fcm") == FcmCredential(project="a-project")
