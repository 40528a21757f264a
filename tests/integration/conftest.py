"""One simulator for the tests of a file, and an app whose credentials point at it."""

from collections.abc import Callable, Iterator

import pytest

from pipeline.settings import Settings
from tests.installation import Installation
from workers.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def installation(
    simulator: Simulator, settings: Settings, configure: Callable[..., Settings]
) -> Iterator[Installation]:
    """An app on a database of its own, driven without a broker; waits of ours are a thousandth."""
    simulator.reset()
    configure(ca_file=simulator.ca_file, app_id="APP-1", retry_factor=0.001)
    made = Installation(simulator)
    yield made
    made.context.close()
