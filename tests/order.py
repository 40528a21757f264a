"""In which order tests run, which share a process, and which run with nothing beside them."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: What a folder or a file begins with costs more than its tests: one process runs them all.
TOGETHER = (
    "tests/acceptance/sdk/",
    "tests/acceptance/test_console_browser.py",
    "tests/acceptance/test_wheel.py",
)

#: Tiers by how long a test may take, the longest first.
TIERS = ("faults", "acceptance", "integration", "unit")

#: Tests of several processes are of one run if this says the same.
RUN = "PYTEST_XDIST_TESTRUNUID"

LOCK = pytest.StashKey[TextIO]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones, so that none runs on when all else is done; alone come last."""
    items.sort(key=_rank)


class InOrder(LoadScopeScheduling):
    """Gives one test after another, in their order, to whichever process is free for it."""

    def _split_scope(self, nodeid: str) -> str:
        return next((one for one in TOGETHER if nodeid.startswith(one)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InOrder:
    """Distribute tests so, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return InOrder(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Do nothing of a test, its fixtures included, while another one is alone."""
    if RUN not in os.environ:  # one process
        return (yield)
    # One lock for all, held together or by one. It is not fair, which does no harm: who wants it
    # alone comes last.
    with (Path(tempfile.gettempdir()) / f"alone-{os.environ[RUN]}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        item.stash[LOCK] = lock
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[object]:
    """Wait, for a test that measures time, until no process of this run does anything else.

    What it needs was started before: two such tests start at once, and wait for each other here.
    """
    if RUN not in os.environ or not _is(item, "alone"):
        return (yield)
    fcntl.flock(item.stash[LOCK], fcntl.LOCK_EX)
    try:
        return (yield)
    finally:
        fcntl.flock(item.stash[LOCK], fcntl.LOCK_SH)


def _rank(item: pytest.Item) -> tuple[bool, bool, int]:
    tier = item.nodeid.split("/")[1]
    return _is(item, "alone"), not _is(item, "slow"), [*TIERS, tier].index(tier)


def _is(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None
