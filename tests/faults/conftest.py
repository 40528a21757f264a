"""What drills in one process share: a simulator, and an app whose credentials point at it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import spawner
from tests.integration.conftest import installation, simulator
from tests.processes import Process

__all__ = ["installation", "simulator"]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start processes that are killed when the test ends: it has broken what they wait for."""
    started: list[Process] = []
    yield spawner(tmp_path, started.append)
    for process in reversed(started):
        process.kill()
