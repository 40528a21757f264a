"""The Procfile brings up an installation by a runner that is not ours, and takes it down."""

import sys
from collections.abc import Callable
from pathlib import Path

from push_pipeline import db, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings
from tests.processes import Process, run_cli, wait_until
from tests.running import QUICK

PROCFILE = Path(__file__).parents[2] / "deploy" / "Procfile"


def test_what_the_procfile_runs_sends_a_message_to_its_end(
    configure: Callable[..., Settings],
    spawn: Callable[..., Process],
    sqlite_url: str,
    broker_url: str,
) -> None:
    configure(database_url=sqlite_url, broker_url=broker_url, app_id="APP-1", **QUICK)
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    here = Path(sys.executable).parent
    runner = spawn(
        here / "honcho", "--no-colour", "--no-prefix", "--procfile", PROCFILE, "start",
        env={"PORT": "0", "PATH": f"{here}:/usr/bin:/bin"},
    )  # fmt: skip
    runner.wait_for("listening on ")

    message_id = run_cli("publish", "news", "Hello").stdout.strip()

    wait_until(lambda: status(message_id)["status"] == "published", 60, "its end")
    runner.stop()
