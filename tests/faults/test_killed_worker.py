"""A worker is killed in mid broadcast: nobody is missed, repeats are bounded and counted.

Three broadcasts share an installation, each with a policy for devices in doubt and devices of its
own. The next one is published, and its kill comes, while what the last kill left is in doubt.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from push_pipeline import publish
from tests.audience import android, ios
from tests.running import SHORT_LEASE, Stand, at_least

#: Of each platform and policy; several batches.
DEVICES = 500
BATCH = 125

CHILDREN = 2
WINDOW = 50

#: Each policy with a prefix of its devices' tokens of each platform.
POLICIES = {
    "once-if-collapsible": ("1", "q"),
    "at-least-once": ("2", "r"),
    "at-most-once": ("3", "s"),
}

#: The share of a message's devices at whose acceptance the worker is killed: early, middle, late.
KILLS = (0.2, 0.4, 0.6)

#: The most devices that the kills may leave in doubt, of all messages.
DOUBT = WINDOW * CHILDREN * len(KILLS)

#: Answers take this long (seconds, from and to), so that a kill meets requests in flight.
SLOW = (0.05, 0.15)

pytestmark = pytest.mark.slow


class Aftermath(NamedTuple):
    """What a broadcast was like that was broken."""

    policy: str
    run: dict
    settled_before: dict[str, int]  # accepted at a kill -> how often reached until then
    unknown: set[str]
    received: dict[str, int]

    @property
    def everybody(self) -> set[str]:
        return {*apple(self.policy), *google(self.policy)}

    @property
    def repeats(self) -> dict[str, int]:
        return {token: count - 1 for token, count in self.received.items() if count > 1}


def apple(policy: str) -> list[str]:
    return ios(DEVICES, POLICIES[policy][0])


def google(policy: str) -> list[str]:
    return android(DEVICES, POLICIES[policy][1])


def break_and_finish(stand: Stand) -> dict[str, Aftermath]:
    """Broadcast with each policy, killing the worker's process group and starting another."""
    stand.simulator.behave(delay_seconds=SLOW)
    for policy in POLICIES:
        stand.subscribe(apple(policy), google(policy), channel=policy)
    stand.start_beat()
    worker = stand.start_worker(children=CHILDREN)
    messages: dict[str, str] = {}
    settled: dict[str, int] = {}
    for policy, share in zip(POLICIES, KILLS, strict=True):
        sent = publish(policy, "Dinner is ready", delivery_options={"unknown_policy": policy})
        messages[policy] = sent.message_id
        stand.follow(sent.message_id, at_least(int(2 * DEVICES * share)))
        worker.kill()
        received = stand.simulator.received()
        accepted = {token for one in messages.values() for token in stand.settled(one)}
        settled = {token: received[token] for token in accepted} | settled
        worker = stand.start_worker(children=CHILDREN)
    runs = {policy: stand.finish(message_id) for policy, message_id in messages.items()}
    received = stand.simulator.received()
    return {
        policy: Aftermath(
            policy,
            runs[policy],
            of_policy(policy, settled),
            stand.settled(message_id, "unknown"),
            of_policy(policy, received),
        )
        for policy, message_id in messages.items()
    }


def of_policy(policy: str, counts: dict[str, int]) -> dict[str, int]:
    return {token: count for token, count in counts.items() if token[0] in POLICIES[policy]}


def check_nobody_is_missed(after: Aftermath) -> None:
    run = after.run
    assert run["audience"] == len(after.everybody)
    assert run["accepted"] + run["unknown"] == run["audience"]
    assert len(after.unknown) == run["unknown"]
    assert after.everybody - set(after.received) <= after.unknown


def check_repeats_are_counted(after: Aftermath) -> None:
    assert after.run["resent"] + after.run["unknown"] > 0
    assert sum(after.repeats.values()) <= after.run["resent"], after.repeats
    assert after.settled_before.items() <= after.received.items()


def test_after_three_kills_a_device_in_doubt_is_sent_to_again_as_its_policy_has_it(
    database_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(database_url, doubt_window=WINDOW, batch_size=BATCH, **SHORT_LEASE)

    broken = break_and_finish(stand)

    for after in broken.values():
        check_nobody_is_missed(after)
        check_repeats_are_counted(after)
    assert sum(one.run["resent"] + one.run["unknown"] for one in broken.values()) <= DOUBT

    collapsible = broken["once-if-collapsible"]
    assert collapsible.unknown.isdisjoint(apple(collapsible.policy))
    assert set(collapsible.repeats).isdisjoint(google(collapsible.policy))

    at_least_once = broken["at-least-once"]
    assert at_least_once.unknown == set()
    assert set(at_least_once.received) == at_least_once.everybody

    at_most_once = broken["at-most-once"]
    assert at_most_once.repeats == {}
    assert at_most_once.run["resent"] == 0
