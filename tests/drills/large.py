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
    test_after_three_kills_a_device_in_doubt_is_sent_to_again_only_where_it_sees_one_copy,
    test_after_three_kills_at_least_once_reaches_everybody,
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
    test_nothing_is_sent_a_second_after_cancel_and_the_ledger_says_what_was_stopped,
    test_nothing_is_sent_a_second_after_pause_and_after_resume_each_device_has_one,
)

__all__ = [
    "own_postgres",
    "sink",
    "stand",
    "test_a_broker_that_loses_everything_in_mid_broadcast_costs_nobody_a_push_or_a_second_one",
    "test_a_database_that_is_killed_in_mid_broadcast_costs_nobody_a_push",
    "test_after_three_kills_a_device_in_doubt_is_sent_to_again_only_where_it_sees_one_copy",
    "test_after_three_kills_at_least_once_reaches_everybody",
    "test_devices_get_nothing_while_paused_and_one_push_each_after_resume",
    "test_nothing_is_sent_a_second_after_cancel_and_the_ledger_says_what_was_stopped",
    "test_nothing_is_sent_a_second_after_pause_and_after_resume_each_device_has_one",
]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_killed_worker, "DEVICES", 10_000)
    monkeypatch.setattr(test_killed_worker, "KILLS", (3_000, 8_000, 13_000))
    monkeypatch.setattr(test_lost_broker, "DEVICES", 10_000)
    monkeypatch.setattr(test_lost_database, "DEVICES", 10_000)
    monkeypatch.setattr(test_paused_broadcast, "DEVICES", 1_000_000)
    monkeypatch.setattr(test_schedule_control, "DEVICES", 40_000)
