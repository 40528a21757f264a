"""Twelve thousand devices with every trouble at once: each ends as its token says."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.audience import android, ios
from tests.running import Stand

DEVICES = 6_000  # of each platform

#: Parts of a thousand, by token prefix. Digits are hexadecimal: APNs tokens are. A cut
#: connection takes the answers of all that share it along, so that one in a thousand puts
#: some in a hundred in doubt, several times over.
DEAD, THROTTLED, UNAVAILABLE, CUT, SOUND = "dead", "a429", "a503", "ac07", "1"
SHARES = {DEAD: 50, THROTTLED: 20, UNAVAILABLE: 20, CUT: 1}
WHOLE = 1000

#: Bad at first, then good. FCM's quota is the whole project's: it asks all to wait a second.
TROUBLES = [
    ("apns", THROTTLED, {"reason": "TooManyRequests"}),
    ("fcm", THROTTLED, {"reason": "QUOTA_EXCEEDED", "retry_after": 1}),
    ("apns", UNAVAILABLE, {"reason": "ServiceUnavailable"}),
    ("fcm", UNAVAILABLE, {"reason": "UNAVAILABLE"}),
    ("apns", CUT, {"cut": "processed"}),
    ("fcm", CUT, {"cut": "processed"}),
]
RULES = [
    {"match": {"provider": provider, "prefix": prefix, "nth": [1]}, "action": action}
    for provider, prefix, action in TROUBLES
]

PREFIXES = [prefix for prefix, share in SHARES.items() for _ in range(share)]
PREFIXES += [SOUND] * (WHOLE - len(PREFIXES))
random.Random(1).shuffle(PREFIXES)  # dead tokens in a row would look like a wrong credential


def mixed(make: Callable[[int, str], list[str]]) -> list[str]:
    """Make tokens with all prefixes mixed, so that every batch has its share of each."""
    by_prefix = {
        prefix: iter(make(DEVICES // WHOLE * PREFIXES.count(prefix), prefix)) for prefix in PREFIXES
    }
    return [next(by_prefix[prefix]) for _ in range(DEVICES // WHOLE) for prefix in PREFIXES]


def gathered(tokens: list[str], prefix: str) -> list[str]:
    """Put tokens with a prefix first, so that they share a few batches."""
    return sorted(tokens, key=lambda token: not token.startswith(prefix))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_each_of_twelve_thousand_mixed_devices_ends_as_its_token_says(
    postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(
        postgresql_url,
        unknown_policy="at-least-once",
        retry_factor=0.001,
        max_attempts=30,
    )
    stand.simulator.rules(RULES)
    apple, google = mixed(ios), gathered(mixed(android), THROTTLED)
    stand.subscribe(apple, google)
    stand.start_beat()
    stand.start_worker(children=4)

    message_id = stand.installation.publish()
    run = stand.finish(message_id, timeout=180)

    dead = {token for token in [*apple, *google] if token.startswith(DEAD)}
    alive = {*apple, *google} - dead
    assert run["audience"] == 2 * DEVICES
    assert (run["accepted"], run["rejected"]) == (len(alive), len(dead))
    assert run["byReason"] == {"Unregistered": len(dead) // 2, "UNREGISTERED": len(dead) // 2}
    assert stand.settled(message_id, "accepted") == alive
    assert stand.settled(message_id, "rejected") == dead
    states = Counter(stand.installation.device_states().values())
    assert states[("active", None)] == len(alive)
    assert set(stand.simulator.received()) == alive
    repeats = stand.repeats()
    assert {token for token in alive if token.startswith(CUT)} <= set(repeats)
    assert sum(repeats.values()) <= run["resent"]
