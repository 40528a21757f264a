"""The fixture `pushes` for pytest, which finds it by itself where this package is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from push_pipeline.testing import Outbox


@pytest.fixture
def pushes() -> "Iterator[Outbox]":
    """Record what the test publishes; nothing is written or sent."""
    from push_pipeline.testing import record  # most tests of a host need none of its imports

    with record() as outbox:
        yield outbox
