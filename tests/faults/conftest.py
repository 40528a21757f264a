"""Fixtures of the fault tests: installations that are taken apart."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.processes import Process
from tests.running import Stand


@pytest.fixture
def open_stand(
    spawn: Callable[..., Process], configure: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[..., Stand]]:
    """Open an installation on a database: `open_stand(database_url, doubt_window=100)`."""
    with ExitStack() as opened:

        def open_one(database_url: str, **settings: object) -> Stand:
            stand = Stand(spawn, configure, database_url, tmp_path, **settings)
            opened.callback(stand.broker.stop)
            opened.callback(stand.installation.context.close)
            return stand

        yield open_one


@pytest.fixture
def stand(open_stand: Callable[..., Stand], postgresql_url: str) -> Stand:
    """An installation on PostgreSQL."""
    return open_stand(postgresql_url)
