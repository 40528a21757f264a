"""What may be broken on purpose while a push goes out, and how."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import redis

from push_pipeline.errors import InvalidParameter
from push_pipeline.supervisor import redis_server
from push_pipeline.supervisor.installation import Installation

#: Seconds that a provider's trouble lasts.
TROUBLE_SECONDS = 5.0

Harm = Callable[[Installation], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """What is done when a part of the devices has its push, or before anything is sent."""

    says: str
    harm: Harm
    before: bool = False


def _kill(*names: str) -> Harm:
    def harm(installation: Installation) -> None:
        for name in names:
            installation.kill(name)

    return harm


def _ask(method: str, path: str, content: object) -> Harm:
    def harm(installation: Installation) -> None:
        if installation.providers is not None:
            installation.providers.ask(method, path, content)

    return harm


def _rule(**action: object) -> Harm:
    """Let the providers answer so for a while."""
    return _ask("PUT", "/rules", [{"match": {"until": TROUBLE_SECONDS}, "action": action}])


def _for_a_while(begin: Harm, end: Harm) -> Harm:
    """Begin a trouble that somebody must end, and let that be done in time."""

    def end_it(installation: Installation) -> None:
        with suppress(OSError, HTTPException, redis.RedisError):  # all may be stopped by then
            end(installation)

    def harm(installation: Installation) -> None:
        begin(installation)
        ending = threading.Timer(TROUBLE_SECONDS, end_it, [installation])
        ending.daemon = True
        ending.start()

    return harm


def _replica_of(*master: str) -> Harm:
    def harm(installation: Installation) -> None:
        socket = redis_server.socket_in(installation.folder.path)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            client.replicaof(*master)

    return harm


def _oauth(fault: str) -> Harm:
    return _ask("PATCH", "/behaviour", {"oauth_fault": fault})


DRILLS: Mapping[str, Drill] = {
    "kill-worker": Drill(
        "SIGKILL to the workers of both providers, all children at once",
        _kill("worker-apns", "worker-fcm"),
    ),
    "kill-fan-out": Drill("SIGKILL to the worker that fans out", _kill("worker-publish")),
    "kill-beat": Drill(
        "SIGKILL to beat, and to the workers of Apple's devices", _kill("beat", "worker-apns")
    ),
    "redis-away": Drill("SIGKILL to Redis; it comes back after half a second", _kill("redis")),
    "redis-failover": Drill(
        f"Redis becomes a replica, which takes no writes, for {TROUBLE_SECONDS:g} s",
        _for_a_while(_replica_of("127.0.0.1", "1"), _replica_of("NO", "ONE")),
    ),
    "token-endpoint-outage": Drill(
        f"Google's token endpoint answers with errors for {TROUBLE_SECONDS:g} s",
        _for_a_while(_oauth("error"), _oauth("")),
        before=True,
    ),
    "poison-device": Drill(
        f"requests to some devices break their connection for {TROUBLE_SECONDS:g} s",
        _ask(
            "PUT",
            "/rules",
            [{"match": {"prefix": "7", "until": TROUBLE_SECONDS}, "action": {"cut": "headers"}}],
        ),
        before=True,
    ),
    "provider-outage": Drill(
        f"both providers answer 503 for {TROUBLE_SECONDS:g} s",
        _rule(status=503, reason="ServiceUnavailable"),
    ),
    "throttled": Drill(
        f"both providers answer 429 with Retry-After: 2 for {TROUBLE_SECONDS:g} s",
        _rule(status=429, reason="TooManyRequests", retry_after=2),
    ),
    "slow-provider": Drill(
        "both providers take a second for each answer",
        _ask("PATCH", "/behaviour", {"delay_seconds": [0.8, 1.2]}),
        before=True,
    ),
    "goaway": Drill(
        "GOAWAY on every connection, a hundred streams of each unanswered",
        _ask("POST", "/faults/goaway", {"spare": 100}),
    ),
    "connections-lost": Drill(
        "a TCP reset of every connection to the providers", _ask("POST", "/faults/drop", {})
    ),
    "half-open-socket": Drill(
        f"the providers read nothing for {TROUBLE_SECONDS:g} s, and close no connection",
        _ask("POST", "/faults/stall", {"seconds": TROUBLE_SECONDS}),
    ),
}


def find_drill(name: str) -> Drill:
    """Return a drill by its name.

    Raises:
        InvalidParameter: there is none.
    """
    if name not in DRILLS:
        raise InvalidParameter(f"there is no drill {name!r}: `push-pipeline drill --list`")
    return DRILLS[name]


def facts_of(run: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a run's ledger."""
    return {name: value for name, value in run.items() if isinstance(value, int)}
