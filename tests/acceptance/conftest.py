"""The unmodified npm package `backendless`, and an installation that it speaks to."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.settings import Settings
from tests.acceptance.sdk_stand import IOS_TOKEN, KEY, Service
from tests.installation import APP, Installation
from tests.processes import Process, cli
from tests.running import QUICK, RunningSimulator, start_beat, start_worker

HERE = Path(__file__).parent / "backendless_client"


@pytest.fixture(scope="session")
def sdk_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK, installed once into a directory of the test run."""
    npm = shutil.which("npm")
    assert npm, "npm is missing: install Node 20"
    home = tmp_path_factory.mktemp("backendless")
    shutil.copytree(HERE, home, dirs_exist_ok=True)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
        cwd=home, check=True, capture_output=True, timeout=110,
    )  # fmt: skip
    return home


@pytest.fixture
def service(
    settings: Settings,
    configure: Callable[..., Settings],
    spawn: Callable[..., Process],
    tmp_path: Path,
    sdk_home: Path,
) -> Iterator[Service]:
    simulator = RunningSimulator(spawn, tmp_path / "simulator").client
    configure(ca_file=simulator.ca_file, app_id=APP, **QUICK)
    installation = Installation(simulator)
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=KEY)
        for name, message in (("welcome", "Welcome to {city}"), ("my plain one", "Plain")):
            template = {"name": name, "message": message}
            put_template(connection, APP, PUSH, PUSH.read(template), now_ms())
    gateway = spawn(*cli("gateway", "--port", "0"))
    start_worker(spawn)
    start_beat(spawn)
    url = gateway.wait_for("listening on ").split("listening on ")[1].split()[0]
    named = {"appId": APP, "apiKey": KEY, "serverURL": f"{url}/"}
    yield Service(sdk_home, url, simulator, [named])
    installation.context.close()
    assert KEY not in gateway.output
    assert IOS_TOKEN not in gateway.output
