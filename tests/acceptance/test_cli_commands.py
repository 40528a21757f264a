"""The commands that need no worker, each run as an operator runs it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from push_pipeline import db, default_app
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, unseal
from push_pipeline.directory import heartbeat
from push_pipeline.directory.provider_routes import find_credential, list_routes
from push_pipeline.settings import get_settings
from push_workers.simulator.identity import KEY_ID, TEAM_ID, TOPIC, Identity
from push_workers.simulator.population import Mix, population
from tests import processes
from tests.in_process import run_cli
from tests.processes import cli
from tests.unit.senders.providers import certificate

pytestmark = pytest.mark.usefixtures("nobody_answers")

SECRET = "a secret of the tests only"


@pytest.fixture
def shop(configure, database_url, broker_url, tmp_path) -> Path:
    """An installation with the default app `shop`; returns the folder commands are run in."""
    configure(database_url=database_url, broker_url=broker_url, secret_key=SECRET, app_id="shop")
    default_app.sync(get_settings())
    return tmp_path


@pytest.fixture
def identity(tmp_path) -> Identity:
    """Key files of the simulator."""
    made = Identity(tmp_path / "keys")
    made.ensure()
    made.point_service_account("https://localhost:1/token")
    return made


def says(*arguments: str, **options: object) -> str:
    done = run_cli(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def said(*arguments: str, **options: object):
    return json.loads(says(*arguments, "--json", **options))


def write_population(path: Path, count: int) -> None:
    devices = population(count, 1, Mix(android=0.4, channels={"news": 1.0}))
    path.write_text("".join(json.dumps(device) + "\n" for device in devices))


def test_two_migrations_at_once_make_one_schema_and_one_app(configure, tmp_path):
    configure(
        database_url=f"sqlite:///{tmp_path / 'new.db'}",
        app_id="shop",
        api_key="0123456789abcdef01234567",
    )
    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(lambda _: processes.run_cli("migrate").stdout, range(2)))
    assert sorted("up to date" in output for output in outputs) == [False, True]
    assert [app["id"] for app in said("app", "list")] == ["shop"]


def test_an_app_and_its_key_are_shown_once_and_the_key_can_be_revoked(shop):
    made = said("app", "create", "Second", "--id", "second", "--scopes", "publish,read")
    assert made["id"] == "second"
    added = said("app", "key", "add", "second")["key"]
    assert added != made["key"]
    assert said("app", "key", "revoke", "second", added[-4:]) == {"revoked": 1}
    assert run_cli("app", "key", "revoke", "second", added[-4:]).returncode == 1
    assert {app["id"] for app in said("app", "list")} == {"shop", "second"}


def test_stored_credentials_are_listed_and_sealed(shop, identity):
    says(
        "app", "credentials", "apns", "shop", "--key-file", str(identity.key_file),
        "--key-id", KEY_ID, "--team-id", TEAM_ID, "--topic", TOPIC, "--environment", "sandbox",
    )  # fmt: skip
    account = str(identity.service_account_file)
    says("app", "credentials", "fcm", "shop", "--service-account-file", account)
    (listed,) = said("app", "list")
    assert listed["routes"] == ["apns sandbox", "fcm"]
    doctor = run_cli("doctor", "--json", env={"PIPELINE_SECRET_KEY": "another secret, much later"})
    problems = [one["says"] for one in json.loads(doctor.stdout) if one["name"] == "credentials"]
    assert len(problems) == 2
    assert all("another PIPELINE_SECRET_KEY" in problem for problem in problems)


def test_a_certificate_is_stored_instead_of_a_key(shop):
    command = ("app", "credentials", "apns", "shop", "--topic", TOPIC)
    pem = "".join(certificate())
    (shop / "push.pem").write_text(pem)
    both = run_cli(*command, "--certificate-file", "push.pem", "--key-file", "push.pem")
    assert both.returncode == 1
    assert "or --certificate-file" in both.stderr

    says(*command, "--certificate-file", "push.pem", "--mac-topic", "com.example.mac")
    with db.reading() as connection:
        stored = unseal(SECRET, find_credential(connection, "shop", "apns", "production"))
    assert stored == ApnsCredential(certificate_pem=pem, topic=TOPIC, mac_topic="com.example.mac")


def test_the_default_apps_credentials_change_only_when_they_are_others(shop, identity, configure):
    def versions(**settings: object) -> list[int]:
        default_app.sync(configure(**settings))
        with db.reading() as connection:
            return [int(str(route["version"])) for route in list_routes(connection, "shop")]

    apns = {
        "apns_key_file": identity.key_file, "apns_key_id": KEY_ID,
        "apns_team_id": TEAM_ID, "apns_topic": TOPIC,
    }  # fmt: skip
    fcm = {"fcm_service_account_file": identity.service_account_file}
    assert versions(**apns, **fcm) == [1, 1]
    assert versions() == [1, 1]
    assert versions(apns_topic="com.example.other") == [2, 1]


def test_an_import_run_twice_changes_nothing(shop):
    write_population(shop / "devices.ndjson", 1_500)
    first = said("devices", "import", "devices.ndjson")
    counted = says("publish", "news", "Hello", "--dry-run").partition("\n\n")[0]
    assert (first["imported"], first["bad"]) == (1_500, 0)
    again = said("devices", "import", "-", stdin=(shop / "devices.ndjson").read_text())
    assert again["imported"] == 1_500
    assert says("publish", "news", "Hello", "--dry-run").startswith(f"{counted}\n\n")
    assert "1,500" in counted


def test_channels_of_the_command_line_take_the_place_of_those_of_the_file(shop):
    write_population(shop / "devices.ndjson", 20)
    says("devices", "import", "devices.ndjson", "--channel", "vip", "--channel", "sport")
    counts = [said("publish", name, "Hello", "--dry-run")["audience"] for name in ("vip", "sport")]
    assert counts == [20, 20]
    assert said("publish", "news", "Hello", "--dry-run")["audience"] == 0


def test_a_dry_run_checks_and_counts_and_writes_nothing(shop):
    write_population(shop / "devices.ndjson", 200)
    says("devices", "import", "devices.ndjson")
    whole = said("publish", "news", "Hello", "--dry-run")
    assert whole["audience"] == sum(whole["byPlatform"].values()) == 200
    some = said("publish", "news", "Hello", "--dry-run", "--os", "ANDROID")
    assert some["byPlatform"] == {"ANDROID": whole["byPlatform"]["ANDROID"]}
    assert run_cli("publish", "news", "x" * 5_000, "--dry-run").returncode == 1
    doctor = json.loads(run_cli("doctor", "--json").stdout)
    assert {"name": "waiting", "ok": True, "says": "no batch is overdue"} in doctor


def test_publish_prints_the_id_alone_and_the_same_key_gives_the_same_one(shop):
    ids = {says("publish", "news", "Hello", "--key", "order-7").strip() for _ in range(2)}
    (message_id,) = ids
    assert message_id.startswith("message:")
    ledger = said("status", message_id)
    assert (ledger["status"], ledger["runs"][0]["state"]) == ("scheduled", "scheduled")
    assert message_id in says("status", message_id)
    assert says("export", message_id) == ""


def test_an_id_may_be_given_without_what_stands_before_it(shop):
    message_id = says("publish", "news", "Hello").strip()
    assert said("status", message_id.removeprefix("message:"))["messageId"] == message_id


def test_who_watches_is_told_who_is_missing(shop, spawn):
    watching = spawn(*cli("publish", "news", "Hello", "--watch"))
    watching.wait_for("nothing moves: workers: 0 answer; nobody works on publish")
    watching.wait_for("start `push-pipeline beat`")


def test_what_a_publish_drops_is_told_once(shop):
    done = run_cli("publish", "news", "Hello", "--header", "ios-badge=x")
    assert done.stderr.count("ios-badge") == 1


def test_a_message_for_nobody_is_told_and_fails(shop):
    done = run_cli("publish", "news", "Hello", "--os", "NONE")
    assert done.returncode == 1
    assert done.stdout.startswith("message:")
    assert "no recipients" in done.stderr


def test_a_message_may_be_json_and_may_come_later(shop):
    message_id = said(
        "publish", "news", '{"order": 7}', "--json-message", "--at", "+1h", "--every", "1d",
        "--until", "+30d", "--ttl", "10m", "--header", "android-content-title=Order",
    )["messageId"]  # fmt: skip
    (run,) = said("status", message_id)["runs"]
    assert run["startedAt"] is None


def test_doctor_fails_where_nobody_works(shop, database_url):
    done = run_cli("doctor")
    assert done.returncode == 1
    bad = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("BAD")}
    lax = {"durability"} if database_url.startswith("postgresql") else set()  # as tests have it
    assert bad == {"workers", "beat", "credentials"} | lax


def test_doctor_tells_when_nobody_ticks_any_more(shop, configure):
    configure(tick_seconds=10)  # ten of them may be missing
    with db.writing() as connection:
        heartbeat.beat(connection, "tick", now_ms() - 101_000)
    (stopped,) = [line for line in run_cli("doctor").stdout.splitlines() if " beat " in line]
    assert stopped.startswith("BAD")
    assert "the last tick was 1" in stopped
    assert "start `push-pipeline beat`" in stopped

    with db.writing() as connection:
        heartbeat.beat(connection, "tick", now_ms())
    (ticking,) = [line for line in run_cli("doctor").stdout.splitlines() if " beat " in line]
    assert ticking.startswith("ok")


def test_nothing_to_resume_is_told(shop):
    message_id = says("publish", "news", "Hello").strip()
    assert run_cli("resume", message_id).returncode == 1


def test_help_is_there_for_every_command():
    for command in ("up", "demo", "publish", "status", "devices import", "app credentials apns"):
        assert "Usage" in says(*command.split(), "--help")
    # This one becomes another program.
    assert "--apns-port" in processes.run_cli("simulate", "--help").stdout


def test_every_bad_line_is_told(shop):
    (shop / "list.csv").write_text("deviceId,deviceToken,os\n" + "a,b,c\n" * 5)
    done = run_cli("devices", "import", "list.csv", "--json")
    assert json.loads(done.stdout)["bad"] == 5
    assert len(done.stderr.splitlines()) == 5


def test_a_registration_that_has_ended_is_a_bad_line(shop):
    past = now_ms() - 1
    row = {"deviceId": "a", "deviceToken": "0b" * 32, "os": "IOS", "expiration": past}
    (shop / "list.ndjson").write_text(json.dumps(row))
    assert said("devices", "import", "list.ndjson")["bad"] == 1
