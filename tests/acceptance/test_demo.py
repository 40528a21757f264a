"""`demo`: a stranger's first minute."""

import re
import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.test_up import processes_in
from tests.processes import run_cli


@pytest.mark.slow
def test_the_demo_publishes_and_its_ledger_balances_with_the_providers_counts(configure, tmp_path):
    configure(
        database_url="postgresql://real.example/push",  # never met: the demo is on its own
        broker_url="redis://real.example/0",
        app_id="real",
    )
    done = run_cli("demo", "--devices", "400", timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 registered = 400 audience" in done.stdout
    assert "everything is settled" in done.stdout
    assert "the providers agree" in done.stdout
    assert "BAD" not in done.stdout
    assert re.search(r"^WEB +[0-9]", done.stdout, re.MULTILINE)  # browsers are among them
    assert f"API key {(tmp_path / 'var/demo/api.key').read_text()}" in done.stdout
    assert processes_in(tmp_path) == {}
    with closing(sqlite3.connect(tmp_path / "var/demo/pipeline.db")) as database:
        (left,) = database.execute(
            "SELECT count(*) FROM pipeline_batch WHERE finished_at IS NULL"
        ).fetchone()
    assert left == 0
