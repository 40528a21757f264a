"""Behind PgBouncer in transaction mode nothing collides, and nothing leaks to other clients."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from push_pipeline import db
from push_pipeline.cli.checks import examine
from push_pipeline.settings import Settings
from push_workers.simulator import Simulator
from tests.audience import ios
from tests.installation import Installation
from tests.processes import Process, free_port, wait_until
from tests.services import Postgres

CONFIGURATION = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""

MESSAGES = 24


@pytest.fixture
def pooled_url(postgres: Postgres, postgresql_url: str, tmp_path: Path) -> Iterator[str]:
    """A database with the schema, behind a pooler that shares two servers among its clients."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    port = free_port()
    file = postgres.directory / f"pgbouncer-{port}.ini"
    file.write_text(CONFIGURATION.format(server=postgres.directory, port=port))
    file.chmod(0o644)
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    with Process([program, file], tmp_path / "pgbouncer.log", user=postgres.user) as running:

        def answers() -> bool:
            assert running.alive, running.output
            return f":{port}" in running.output

        wait_until(answers, what="PgBouncer's start")
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"
        db.dispose()


def test_everything_works_through_a_pooler_of_transactions(
    pooled_url: str, simulator: Simulator, configure: Callable[..., Settings], broker_url: str
) -> None:
    simulator.reset()
    configure(
        database_url=pooled_url,
        broker_url=broker_url,
        secret_key="a secret of the tests only",
        ca_file=simulator.ca_file,
        app_id="APP-1",
    )
    installation = Installation(simulator)
    installation.register(ios(5))

    with ThreadPoolExecutor(4) as threads:
        messages = list(threads.map(installation.publish, map(str, range(MESSAGES))))
    runs = [installation.work(one) for one in messages]

    assert {run["accepted"] for run in runs} == {5}
    (finding,) = [one for one in examine() if one.name == "database"]
    assert "through a pooler" in finding.says
    plain = pooled_url.replace("+psycopg", "")
    with psycopg.connect(plain, prepare_threshold=None) as another:
        shown = another.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert shown == ("0",)
    installation.context.close()
