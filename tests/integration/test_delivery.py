"""A batch is sent to a simulated provider and every member's outcome is recorded."""

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
    simulator.reset()
    configure(ca_file=simulator.ca_file, app_id="APP-1", retry_factor=0.001)
    made = Installation(simulator)
    yield made
    made.context.close()


def ios(count: int, prefix: str = "1") -> list[str]:
    return [prefix + f"{index:0{64 - len(prefix)}x}" for index in range(count)]


def android(count: int, prefix: str = "q") -> list[str]:
    return [f"{prefix}{index:021d}:APA91b{'z' * 134}" for index in range(count)]


def test_every_device_of_both_platforms_is_reached_once(installation: Installation) -> None:
    installation.register(ios(30))
    installation.register(android(20), "ANDROID")

    run = installation.work(installation.publish())

    assert run["state"] == "finished"
    assert run["accepted"] == run["audience"] == 50
    assert run["byPlatform"]["IOS"]["accepted"] == 30
    received = installation.simulator.received()
    assert set(received) == {*ios(30), *android(20)}
    assert set(received.values()) == {1}


def test_dead_tokens_are_retired_and_counted_by_reason(installation: Installation) -> None:
    installation.register([*ios(10), *ios(2, "dead"), *ios(1, "bad0")])

    run = installation.work(installation.publish())

    assert (run["accepted"], run["rejected"]) == (10, 3)
    assert run["byReason"] == {"Unregistered": 2, "BadDeviceToken": 1}
    states = installation.device_states()
    assert {states[token] for token in ios(2, "dead")} == {("retired", "Unregistered")}
    assert states[ios(1, "bad0")[0]] == ("quarantined", "BadDeviceToken")
    assert installation.work(installation.publish("again"))["audience"] == 10


def test_what_a_provider_could_not_take_is_sent_again_until_it_does(
    installation: Installation,
) -> None:
    rule = {"match": {"nth": [1, 2]}, "action": {"status": 503, "reason": "ServiceUnavailable"}}
    installation.simulator.rules([rule])
    installation.register(ios(5))
    message_id = installation.publish()

    run = installation.work(message_id)
    while run["inFlight"]:
        installation.hurry()
        run = installation.work(message_id)

    assert run["accepted"] == 5
    assert run["resent"] == 0
