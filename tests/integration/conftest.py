"""What integration tests share: a simulator, an app whose credentials point at it, a gateway."""

from collections.abc import Callable, Iterator

import pytest

from push_pipeline.settings import Settings
from push_workers.simulator import Simulator
from tests.installation import Installation
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def installation(
    simulator: Simulator, settings: Settings, configure: Callable[..., Settings]
) -> Iterator[Installation]:
    """An app on a database of its own, driven without a broker; waits of ours are a thousandth."""
    simulator.reset()
    hosts = simulator.webpush_url.removeprefix("https://")
    configure(ca_file=simulator.ca_file, app_id="APP-1", retry_factor=0.001, webpush_hosts=hosts)
    made = Installation(simulator)
    yield made
    made.context.close()


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    """A gateway before an app with a key, and a client that has it."""
    configure(app_id=APP)
    make_app()
    with running_gateway() as client:
        yield client
