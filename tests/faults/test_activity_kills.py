"""A Live Activity shows its newest state, whoever is killed while states are sent."""

import json
from collections.abc import Callable

import pytest

from push_pipeline import register_device, report_activity_token, show_activity, update_activity
from tests.audience import ios
from tests.processes import wait_until
from tests.running import SHORT_LEASE, Stand

PHONES = 20

pytestmark = pytest.mark.slow


def updating(number: int) -> str:
    return "b" * 64 + ios(PHONES)[number]


def listen(stand: Stand) -> None:
    """Let phones have an activity that their app began."""
    told = [{"token": updating(n), "kind": "activity"} for n in range(PHONES)]
    stand.simulator.devices(told)
    for n, token in enumerate(ios(PHONES)):
        register_device(f"phone-{n}", token, "IOS")
        report_activity_token(f"phone-{n}", updating(n), activity_id="match-42")


def shown(stand: Stand, number: int) -> object:
    [screen] = stand.simulator.device(updating(number))["screens"].values()
    return json.loads(screen["activity"])["aps"]["content-state"]


@pytest.mark.timeout(180)
def test_every_phone_shows_the_newest_state_though_workers_are_killed_while_they_send(
    open_stand: Callable[..., Stand], sqlite_url: str
) -> None:
    stand = open_stand(sqlite_url, **SHORT_LEASE)
    listen(stand)
    stand.start_beat()
    worker = stand.start_worker(children=2)
    stand.simulator.behave(delay_seconds=(0.5, 0.5))

    messages = []
    for score in range(2):
        before = sum(stand.simulator.attempts().values())
        receipt = update_activity("match-42", {"score": score}, alert=f"{score} goals")
        messages.append(receipt.message_id)
        wait_until(lambda so_far=before: sum(stand.simulator.attempts().values()) > so_far, 30)
        worker.kill()
        worker = stand.start_worker(children=2)
    stand.simulator.behave(delay_seconds=(0.0, 0.0))
    messages.append(update_activity("match-42", {"score": 2}).message_id)

    runs = [stand.finish(one) for one in messages]
    assert [run["audience"] for run in runs] == [PHONES] * len(runs)
    assert runs[-1]["accepted"] == PHONES
    assert {json.dumps(shown(stand, n)) for n in range(PHONES)} == {'{"score": 2}'}
    known = show_activity("match-42")
    assert (known["addresses"], known["addressesEnded"]) == (PHONES, 0)
