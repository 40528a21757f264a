"""Every error of the command line is one line that names the remedy, with the right exit code."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from tests.in_process import run_cli

TOKEN = "0badc0ffee" * 6 + "abcd"


@pytest.fixture
def shop(configure, sqlite_url, broker_url, tmp_path) -> Path:
    """An installation with the app `shop`; returns the folder that commands are run in."""
    configure(
        database_url=sqlite_url, broker_url=broker_url, secret_key="a secret of the tests only"
    )
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())
    return tmp_path


def fails(*arguments: str, code: int = 1, **environment: str) -> str:
    """Run a command that must fail; return its one line."""
    done = run_cli(*arguments, env=environment)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_an_unknown_os_is_named_with_those_that_exist(shop):
    assert "ANDROID" in fails("publish", "news", "Hello", "--os", "SYMBIAN")


def test_an_empty_message_is_refused(shop):
    assert "message" in fails("publish", "news", "").lower()


def test_a_payload_that_the_provider_would_refuse_is_refused_with_its_size(shop):
    assert "4096" in fails("publish", "news", "x" * 5_000)


def test_an_unknown_app_is_refused_with_the_command_that_lists_them(shop):
    assert "app list" in fails("publish", "news", "Hello", "--app", "nope")


def test_a_channel_name_with_a_slash_is_refused(shop):
    fails("publish", "ne/ws", "Hello")


def test_a_time_that_cannot_be_read_is_refused(shop):
    assert "date" in fails("publish", "news", "Hello", "--at", "tomorrow")


def test_a_header_without_a_value_is_refused(shop):
    assert "NAME=VALUE" in fails("publish", "news", "Hello", "--header", "ios-badge")


def test_an_unknown_message_is_refused(shop):
    for command in ("status", "export"):
        assert "message:nope" in fails(command, "message:nope")


def test_a_database_without_a_schema_names_the_command_that_makes_it(shop):
    empty = f"sqlite:///{shop / 'empty.db'}"
    for command in (("publish", "news", "Hello"), ("worker",), ("beat",), ("app", "list")):
        assert "push-pipeline migrate" in fails(*command, PIPELINE_DATABASE_URL=empty)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(shop):
    away = "postgresql://push:opensesame@127.0.0.1:1/push"
    for command in (("migrate",), ("app", "list")):
        line = fails(*command, PIPELINE_DATABASE_URL=away)
        assert "database" in line
        assert "postgresql://127.0.0.1:1/push" in line
        assert "opensesame" not in line


def test_no_broker_set_is_a_wrong_setting(shop):
    assert "PIPELINE_BROKER_URL" in fails("worker", code=2, PIPELINE_BROKER_URL="")


def test_a_broker_that_is_away_keeps_a_worker_from_starting(shop):
    away = "redis://:opensesame@127.0.0.1:1/0"
    line = fails("worker", PIPELINE_BROKER_URL=away)
    assert "the broker does not answer (redis://127.0.0.1:1/0)" in line


def test_a_broker_that_is_away_does_not_keep_a_message_from_being_published(shop):
    done = run_cli("publish", "news", "Hello", env={"PIPELINE_BROKER_URL": "redis://127.0.0.1:1/0"})
    assert done.returncode == 0
    assert done.stdout.startswith("message:")


def test_a_misspelt_setting_is_named_with_the_right_one(shop):
    line = fails("app", "list", code=2, PIPELINE_DATABSE_URL="sqlite:///x.db")
    assert "PIPELINE_DATABASE_URL" in line


def test_authorities_that_cannot_be_read_keep_a_worker_from_starting_and_doctor_names_them(shop):
    nowhere = str(shop / "nowhere.pem")
    assert nowhere in fails("worker", PIPELINE_CA_FILE=nowhere)
    told = run_cli("doctor", env={"PIPELINE_CA_FILE": nowhere}).stdout
    assert f"BAD  trust        PIPELINE_CA_FILE: cannot read {nowhere}" in told


def test_an_unknown_queue_is_named_with_those_that_exist(shop):
    assert "apns.bulk" in fails("worker", "--queues", "apns,pigeon", code=2)


@pytest.mark.parametrize("arguments", [("frobnicate",), ("publish",), ("app", "list", "--frob")])
def test_wrong_usage_has_an_exit_code_of_its_own(shop, arguments):
    assert "--help" in fails(*arguments, code=2)


APNS = ("app", "credentials", "apns", "shop", "--key-id", "SIMKEY0001", "--team-id", "SIMTEAM001")


def test_a_key_file_that_is_missing_or_is_no_key_is_refused(shop):
    missing = fails(*APNS, "--topic", "com.example.app", "--key-file", "nowhere.p8")
    assert "nowhere.p8" in missing
    (shop / "wrong.p8").write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n")
    wrong = fails(*APNS, "--topic", "com.example.app", "--key-file", "wrong.p8")
    assert "no readable private key" in wrong


def test_a_service_account_that_cannot_be_used_is_refused(shop):
    (shop / "account.json").write_text('{"type": "authorized_user"}')
    command = ("app", "credentials", "fcm", "shop", "--service-account-file", "account.json")
    assert "service account" in fails(*command)


def test_a_file_that_cannot_be_read_is_named(shop):
    (shop / "account.json").mkdir()
    command = ("app", "credentials", "fcm", "shop", "--service-account-file", "account.json")
    assert "cannot read account.json: Is a directory" in fails(*command)


def test_credentials_need_a_key_that_seals_them(shop):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (shop / "good.p8").write_bytes(pem)
    command = (*APNS, "--topic", "com.example.app", "--key-file", "good.p8")
    assert "PIPELINE_SECRET_KEY" in fails(*command, code=2, PIPELINE_SECRET_KEY="")


def test_a_list_of_devices_that_is_missing_is_named(shop):
    assert "nowhere.csv" in fails("devices", "import", "nowhere.csv")


def test_a_malformed_token_is_told_with_its_line_and_never_shown(shop):
    bad = TOKEN + "xyz"
    (shop / "list.csv").write_text(f"deviceId,deviceToken,os\na,{bad},IOS\nb,{TOKEN},IOS\n")
    done = run_cli("devices", "import", "list.csv")
    assert done.returncode == 0
    assert done.stderr.startswith("line 2: deviceToken is malformed")
    assert TOKEN not in done.stderr
    assert "1 devices" in done.stdout
    assert "1 bad lines skipped" in done.stdout


def test_a_traceback_is_shown_only_to_those_who_ask(shop):
    done = run_cli("--traceback", "publish", "ne/ws", "Hello")
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
