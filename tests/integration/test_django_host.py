"""A Django project that the pipeline lives in: its own tests, run as its developers would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from push_pipeline import migrations
from tests.services import Postgres

SHOP = Path(__file__).parents[1] / "hosts" / "django_shop"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, object]:
    """A database of Django's, empty."""
    if request.param == "sqlite":
        options = {"transaction_mode": "IMMEDIATE"}
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(tmp_path / "shop.db"),
            "OPTIONS": options,
        }
    server: Postgres = request.getfixturevalue("postgres")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": server.create(),
        "USER": "postgres",
        "HOST": str(server.directory),
    }


@pytest.fixture
def manage(database: dict[str, object], broker_url: str, tmp_path: Path):
    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", SHOP / "manage.py", *words],
            env={**os.environ, "SHOP_DATABASE": json.dumps(database), "SHOP_BROKER": broker_url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_host_s_own_tests(manage) -> None:
    said = manage("test", "shop", "--noinput")
    assert "\nOK\n" in said, said


def test_migrate_alone_makes_all_and_the_command_line_knows_it(manage) -> None:
    assert "no issues" in manage("check")
    assert "no schema yet: run `python manage.py push migrate`" in manage(
        "push", "app", "list", code=1
    )
    manage("migrate", "--verbosity", "0")
    assert "No changes detected" in manage(
        "makemigrations", "push_pipeline", "--check", "--dry-run"
    )

    assert f"schema {migrations.head()} is up to date" in manage("push", "migrate")
    said = manage("push", "publish", "news", "Hello", "--json")
    receipt, _ = json.JSONDecoder().raw_decode(said)  # then warnings: nobody is in the channel
    ledger = json.loads(manage("push", "status", receipt["messageId"], "--json"))
    assert ledger["status"] == "scheduled"
    assert "no such command" in manage("push", "nonsense", "--settings", "settings", code=2).lower()


def test_a_start_of_the_host_imports_nothing_heavy(manage) -> None:
    asked = "import sys, push_pipeline.contrib.django; print(*sorted(sys.modules))"
    loaded = manage("shell", "--no-imports", "-c", asked).split()
    assert "push_pipeline.contrib.django.apps" in loaded
    assert not {"sqlalchemy", "celery", "kombu", "pydantic", "cryptography"} & set(loaded)


def test_each_state_of_the_schema_has_its_django_migration() -> None:
    """A host's `migrate` must bring it to the state that this release needs."""
    folder = Path(migrations.__file__).parents[1] / "contrib" / "django" / "migrations"
    newest = max(path.stem for path in folder.glob("0*.py"))
    assert newest.endswith(f"schema_{migrations.head()}"), newest


def test_the_devices_of_the_packages_that_a_project_had_before(
    database: dict[str, object], tmp_path: Path
) -> None:
    """The real packages, with their own models and migrations, by Django and by URL."""
    url = f"sqlite:///{database['NAME']}"
    if "HOST" in database:
        url = f"postgresql://postgres@/{database['NAME']}?host={database['HOST']}"
    done = subprocess.run(
        [sys.executable, SHOP.parent / "former_push.py"],
        env={**os.environ, "SHOP_DATABASE": json.dumps(database), "SHOP_URL": url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    skipped = {
        "inactive": 2,
        "of GCM, which ended in 2019": 1,
        "WNSDevice: Windows is not served": 1,
    }
    dry, first, again, fcm, by_url = (
        json.loads(said[name]["out"]) for name in ("dry", "first", "again", "fcm", "by_url")
    )
    assert (dry["dryRun"], dry["imported"], dry["skipped"]) == (True, 5, skipped)
    assert (first["imported"], first["bad"], first["skipped"]) == (5, 4, skipped)
    wrong = [line.partition(":")[0] for line in said["first"]["err"].splitlines()]
    assert wrong[:4] == ["APNSDevice 4", *(f"WebPushDevice {n}" for n in (4, 5, 6))]
    assert "APNSDevice 4: deviceToken is malformed" in said["first"]["err"]
    assert "WebPushDevice 4: keys.p256dh must be 65 bytes" in said["first"]["err"]
    assert "WebPushDevice 6: endpoint must be an https:// URL" in said["first"]["err"]
    assert "several applications (ios, ipad)" in said["first"]["err"]
    assert again["skipped"] == {"here already": 5, **skipped}
    assert (fcm["imported"], fcm["skipped"]) == (2, {"a browser": 1})
    assert by_url["skipped"] == {"here already": 2, "a browser": 1}

    devices = json.loads(said["devices"]["out"])["devices"]
    told = {one["deviceId"]: (one["os"], one["tokenType"], one["userId"]) for one in devices}
    made = [name for name, one in told.items() if name.startswith("import-") and one[0] == "IOS"]
    browsers = [one for one in devices if one["os"] == "WEB"]
    assert [(one["userId"], one["environment"]) for one in browsers] == [
        ("1", "google"),
        (None, "mozilla"),
    ]
    told = {name: one for name, one in told.items() if one[0] != "WEB"}
    assert told == {
        "8d0f2b6c-1c5e-4a7f-9b3d-2e1f0a9c8b7d": ("IOS", "apns", "1"),
        "fffffffffffffffe": ("ANDROID", "fcm", None),
        "own-ios": ("IOS", "fcm", "1"),
        "own-android": ("ANDROID", "fcm", "1"),
        made[0]: ("IOS", "apns", None),
    }
