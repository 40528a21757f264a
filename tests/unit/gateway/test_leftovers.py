"""What is built stays, and is looked through no more."""

import gc
from collections.abc import Iterator

import pytest

from push_pipeline.gateway.leftovers import YOUNG_MAX, look_seldom


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_what_is_there_is_left_out_and_what_comes_is_looked_for() -> None:
    built = [[] for _ in range(100)]

    look_seldom()

    assert gc.get_freeze_count() > len(built)
    assert gc.get_threshold()[0] == YOUNG_MAX
    assert gc.isenabled()
    assert not any(one is built for one in gc.get_objects())
