"""A worker is asked to end in mid broadcast: it ends by itself and leaves nothing in doubt."""

import signal
import time

from tests.audience import android, ios
from tests.running import Stand, at_least

DEVICES = 2_000  # of each platform
CHILDREN = 2

#: Answers take this long (seconds, from and to), so that the request to end meets open slices.
SLOW = (0.05, 0.15)

#: Seconds that a worker may need: its children finish the batch that they have in hand.
GRACE_SECONDS = 20.0


def test_a_worker_asked_to_end_finishes_its_slices_says_goaway_and_leaves_the_rest(
    stand: Stand,
) -> None:
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES), android(DEVICES))
    stand.start_beat()
    worker = stand.start_worker(children=CHILDREN)
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(500))

    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    code = worker.wait(GRACE_SECONDS)
    took = time.monotonic() - began
    at_rest = stand.installation.run(message_id)
    metrics = stand.simulator.metrics()

    assert code == 0
    assert took < GRACE_SECONDS
    assert at_rest["inFlight"] > 0
    assert metrics["processed"] == at_rest["accepted"]
    assert metrics["farewells"] == metrics["tls_handshakes"] - metrics["http1_connections"] > 0
    stand.start_worker(children=CHILDREN)
    run = stand.finish(message_id)
    assert (run["accepted"], run["resent"]) == (2 * DEVICES, 0)
    assert stand.simulator.received() == dict.fromkeys([*ios(DEVICES), *android(DEVICES)], 1)
