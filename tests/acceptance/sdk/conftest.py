"""The unmodified npm package `backendless`, and an installation that it speaks to."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.settings import Settings
from push_pipeline.settings_report import variable
from tests.acceptance.sdk.stand import IOS_TOKEN, KEY, SdkInstallation, Service
from tests.conftest import spawner
from tests.installation import APP, Installation
from tests.processes import cli
from tests.running import QUICK, RunningSimulator, start_beat, start_worker
from tests.services import Postgres, Valkey

HERE = Path(__file__).parent / "backendless_client"


@pytest.fixture(scope="package")
def sdk_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK, installed once into a directory of its own."""
    npm = shutil.which("npm")
    assert npm, "npm is missing: install Node 20"
    home = tmp_path_factory.mktemp("backendless")
    shutil.copytree(HERE, home, dirs_exist_ok=True)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
        cwd=home, check=True, capture_output=True, timeout=110,
    )  # fmt: skip
    return home


@pytest.fixture(scope="package")
def sdk_installation(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    postgres_template: str,
    sdk_home: Path,
) -> Iterator[SdkInstallation]:
    """A gateway, a worker, a beat and a simulator, for all tests of the SDK in turn.

    It ends with them: its beat ticks all the time.
    """
    directory = tmp_path_factory.mktemp("sdk")
    (directory / "broker").mkdir()
    broker = Valkey(directory / "broker")
    with ExitStack() as running, pytest.MonkeyPatch.context() as environment:
        spawn = spawner(directory, running.enter_context)
        broker.start()
        running.callback(broker.kill)
        simulator = RunningSimulator(spawn, directory / "simulator").client
        settings = QUICK | {
            "database_url": postgres.url(postgres.create(postgres_template)),
            "broker_url": broker.url(),
            "ca_file": simulator.ca_file,
            "app_id": APP,
            "metrics_dir": directory / "metrics",
        }
        for field, value in settings.items():
            environment.setenv(variable(field), str(value))
        gateway = spawn(*cli("gateway", "--port", "0"))
        start_worker(spawn)
        start_beat(spawn)
        url = gateway.wait_for("listening on ").split("listening on ")[1].split()[0]
        environment.undo()
        yield SdkInstallation(sdk_home, url, simulator, settings)
    assert KEY not in gateway.output
    assert IOS_TOKEN not in gateway.output


@pytest.fixture
def service(
    sdk_installation: SdkInstallation, configure: Callable[..., Settings], request: Any
) -> Iterator[Service]:
    """The installation with an app that no other test has, or where it is marked the default."""
    configure(**sdk_installation.settings)
    by_default = request.node.get_closest_marker("default_app") is not None
    app_id = APP if by_default else f"APP-{os.urandom(4).hex()}"
    key = f"{KEY}-of-{app_id}"
    sdk_installation.simulator.reset()
    installation = Installation(sdk_installation.simulator, app_id=app_id)
    with db.writing() as connection:
        add_key(connection, app_id, now_ms(), key=key)
        for name, message in (("welcome", "Welcome to {city}"), ("my plain one", "Plain")):
            template = {"name": name, "message": message}
            put_template(connection, app_id, PUSH, PUSH.read(template), now_ms())
    yield sdk_installation.open(app_id, key)
    installation.context.close()
    db.dispose()
