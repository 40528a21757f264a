"""A provider that answers slowly is sent no more than it answers in time: nothing is unknown."""

from collections.abc import Callable

from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import android, subscribe
from tests.installation import APP, Installation
from tests.processes import wait_until

DEVICES = 400

#: Seconds that each answer takes, and a slice: two full rounds of 100 streams and a part.
LATENCY = (0.8, 0.8)
TIMEOUT = 2.5


def test_a_slow_provider_leaves_nobody_unknown(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(
        send_timeout_seconds=TIMEOUT, lease_seconds=20, connections=1, unknown_policy="at-most-once"
    )
    installation.context = Context()
    installation.simulator.behave(delay_seconds=LATENCY)
    subscribe(APP, android(DEVICES), "ANDROID", "news")
    message_id = installation.publish()

    def ended() -> dict | None:
        installation.hurry()
        run = installation.work(message_id)
        return None if run["inFlight"] else run

    run = wait_until(ended, 30, "the end of the run")

    assert (run["accepted"], run["unknown"]) == (DEVICES, 0)
    assert set(installation.simulator.received().values()) == {1}
