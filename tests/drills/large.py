"""What `tests/faults` breaks, at sizes that take minutes: up to a million devices."""

import pytest

from tests.faults import (
    test_killed_worker,
    test_lost_broker,
    test_lost_database,
    test_paused_broadcast,
    test_schedule_control,
)
from tests.faults.test_killed_worker import (
    test_after_three_kills_a_device_in_doubt_is_sent_to_again_as_its_policy_has_it,
)
from tests.faults.test_lost_broker import (
    test_a_broker_that_loses_everything_in_mid_broadcast_costs_nobody_a_push_or_a_second_one,
)
from tests.faults.test_lost_database import (
    own_postgres,
    test_a_database_that_is_killed_in_mid_broadcast_costs_nobody_a_push,
)
from tests.faults.test_paused_broadcast import (
    sink,
    test_devices_get_nothing_while_paused_and_one_push_each_after_resume,
)
from tests.faults.test_schedule_control import (
    stand,
    test_nothing_is_sent_a_second_after_pause_or_cancel_and_all_else_after_resume,
)

__all__ = [
    "own_postgres",
    "sink",
    "stand",
    "test_a_broker_that_loses_everything_in_mid_broadcast_costs_nobody_a_push_or_a_second_one",
    "test_a_database_that_is_killed_in_mid_broadcast_costs_nobody_a_push",
    "test_after_three_kills_a_device_in_doubt_is_sent_to_again_as_its_policy_has_it",
    "test_devices_get_nothing_while_paused_and_one_push_each_after_resume",
    "test_nothing_is_sent_a_second_after_pause_or_cancel_and_all_else_after_resume",
]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_killed_worker, "DEVICES", 5_000)
    monkeypatch.setattr(test_killed_worker, "BATCH", 1_000)
    monkeypatch.setattr(test_lost_broker, "DEVICES", 10_000)
    monkeypatch.setattr(test_lost_database, "DEVICES", 10_000)
    monkeypatch.setattr(test_paused_broadcast, "DEVICES", 1_000_000)
    monkeypatch.setattr(test_schedule_control, "DEVICES", 40_000)
    for broken in (test_lost_database, test_paused_broadcast, test_schedule_control):
        monkeypatch.setattr(broken, "CHILDREN", 4)
