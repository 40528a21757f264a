"""What may be broken on purpose while a push goes out, and how."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import redis

from push_pipeline.cli.database_harm import (
    end_sessions,
    freeze_sessions,
    hold_all_connections,
    hold_batches,
    hold_snapshot,
)
from push_pipeline.errors import InvalidParameter, NotForDrills
from push_pipeline.supervisor.postgres_server import NAME, PostgresServer
from push_pipeline.supervisor.simulated_providers import SimulatedProviders
from push_pipeline.supervisor.stepped_clock import SteppedClock

#: Seconds that a provider's trouble lasts.
TROUBLE_SECONDS = 5.0

#: The workers of each provider.
APPLES = ("worker-apns", "worker-apns-bulk")
GOOGLES = ("worker-fcm", "worker-fcm-bulk")
BROWSERS = ("worker-webpush", "worker-webpush-bulk")

#: Seconds by which a clock is set: more than a lease of a drill.
STEP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What can be broken. `kill` ends a program of ours that is started again.

    On a staging system there are the providers alone: what else runs there is not ours.
    """

    providers: SimulatedProviders
    kill: Callable[[str], None]
    redis_socket: Path | None = None
    postgres: PostgresServer | None = None
    clock: SteppedClock | None = None


Harm = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """What is done when a part of the devices has its push, or before anything is sent.

    `anywhere`: it breaks nothing but the simulated providers, and may be done on staging.
    `postgres`: it breaks that, and has one of its own; `clock`: it sets the workers' clock.
    `play`: it is another course than one push to all, whose harm is done in the middle of it.
    """

    says: str
    harm: Harm
    before: bool = False
    anywhere: bool = False
    postgres: bool = False
    clock: bool = False
    play: str = ""


def _kill(*names: str) -> Harm:
    def harm(stage: Stage) -> None:
        for name in names:
            stage.kill(name)

    return harm


def _ask(method: str, path: str, content: object) -> Harm:
    def harm(stage: Stage) -> None:
        stage.providers.ask(method, path, content)

    return harm


def answering(**action: object) -> Harm:
    """Let the providers answer so for a while."""
    return _ask("PUT", "/rules", [{"match": {"until": TROUBLE_SECONDS}, "action": action}])


def _for_a_while(begin: Harm, end: Harm, seconds: float = TROUBLE_SECONDS) -> Harm:
    """Begin a trouble that somebody must end, and let that be done in time."""

    def end_it(stage: Stage) -> None:
        with suppress(OSError, HTTPException, redis.RedisError):  # all may be stopped by then
            end(stage)

    def harm(stage: Stage) -> None:
        begin(stage)
        ending = threading.Timer(seconds, end_it, [stage])
        ending.daemon = True
        ending.start()

    return harm


def _replica_of(*master: str) -> Harm:
    def harm(stage: Stage) -> None:
        with redis.Redis(unix_socket_path=str(stage.redis_socket)) as client:
            client.replicaof(*master)

    return harm


def _to_postgres(break_it: Callable[[PostgresServer, float], None]) -> Harm:
    """Break the database in a way that ends by itself."""

    def harm(stage: Stage) -> None:
        if stage.postgres is not None:
            break_it(stage.postgres, TROUBLE_SECONDS)

    return harm


def _step(seconds: float) -> Harm:
    def harm(stage: Stage) -> None:
        if stage.clock is not None:
            stage.clock.step(seconds)

    return harm


def _slowly(harm: Harm) -> Harm:
    """Let providers take their time, so that more than one thing happens until the end."""

    def slower(stage: Stage) -> None:
        stage.providers.ask("PATCH", "/behaviour", {"delay_seconds": [0.4, 0.6]})
        harm(stage)

    return slower


def _oauth(fault: str) -> Harm:
    return _ask("PATCH", "/behaviour", {"oauth_fault": fault})


DRILLS: Mapping[str, Drill] = {
    "kill-worker": Drill(
        "SIGKILL to the workers of all providers, all children at once",
        _kill(*APPLES, *GOOGLES, *BROWSERS),
    ),
    "kill-fan-out": Drill("SIGKILL to the worker that fans out", _kill("worker-publish")),
    "kill-beat": Drill(
        "SIGKILL to beat, and to the workers of Apple's devices", _kill("beat", *APPLES)
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
        anywhere=True,
    ),
    "poison-device": Drill(
        f"requests to some devices break their connection for {TROUBLE_SECONDS:g} s",
        _ask(
            "PUT",
            "/rules",
            [{"match": {"prefix": "7", "until": TROUBLE_SECONDS}, "action": {"cut": "headers"}}],
        ),
        before=True,
        anywhere=True,
    ),
    "provider-outage": Drill(
        f"all providers answer 503 for {TROUBLE_SECONDS:g} s",
        answering(status=503, reason="ServiceUnavailable"),
        anywhere=True,
    ),
    "throttled": Drill(
        f"all providers answer 429 with Retry-After: 2 for {TROUBLE_SECONDS:g} s",
        answering(status=429, reason="TooManyRequests", retry_after=2),
        anywhere=True,
    ),
    "slow-provider": Drill(
        "all providers take a second for each answer",
        _ask("PATCH", "/behaviour", {"delay_seconds": [0.8, 1.2]}),
        before=True,
        anywhere=True,
    ),
    "goaway": Drill(
        "GOAWAY on every connection, a hundred streams of each unanswered",
        _ask("POST", "/faults/goaway", {"spare": 100}),
        anywhere=True,
    ),
    "connections-lost": Drill(
        "a TCP reset of every connection to the providers",
        _ask("POST", "/faults/drop", {}),
        anywhere=True,
    ),
    "half-open-socket": Drill(
        f"the providers read nothing for {TROUBLE_SECONDS:g} s, and close no connection",
        _ask("POST", "/faults/stall", {"seconds": TROUBLE_SECONDS}),
        anywhere=True,
    ),
    "database-restart": Drill(
        "SIGKILL to PostgreSQL, which comes back and recovers", _kill(NAME), postgres=True
    ),
    "backend-kill": Drill(
        f"every session of PostgreSQL is ended, once a second for {TROUBLE_SECONDS:g} s",
        _to_postgres(end_sessions),
        postgres=True,
    ),
    "idle-in-transaction": Drill(
        f"another session locks all batches and does nothing for {TROUBLE_SECONDS:g} s",
        _to_postgres(hold_batches),
        postgres=True,
    ),
    "long-reader": Drill(
        "another session keeps its snapshot from before the push to the end: vacuum cannot clean",
        _to_postgres(hold_snapshot),
        before=True,
        postgres=True,
    ),
    "pool-exhausted": Drill(
        f"others take up all connections of PostgreSQL for {TROUBLE_SECONDS:g} s,"
        " after ending those of the workers",
        _to_postgres(hold_all_connections),
        postgres=True,
    ),
    "half-open-database": Drill(
        f"the sessions of PostgreSQL answer nothing for {TROUBLE_SECONDS:g} s, and stay open",
        _to_postgres(freeze_sessions),
        postgres=True,
    ),
    "activities": Drill(
        "a Live Activity: SIGKILL to the workers while a state is sent, all providers answer 503"
        f" for {TROUBLE_SECONDS:g} s while the next ones are; some update tokens are dead",
        _kill(*APPLES, *GOOGLES),
        play="activities",
    ),
    "webpush": Drill(
        "browsers: a slow push service beside another one, subscriptions that are gone or were made"
        " with another key; then SIGKILL to their workers",
        _kill(*BROWSERS),
        play="browsers",
    ),
    "clock-step": Drill(
        f"the workers' clock goes {STEP_SECONDS:g} s ahead, a second later as much behind;"
        " the providers take half a second",
        _for_a_while(_slowly(_step(STEP_SECONDS)), _step(-STEP_SECONDS), 1.0),
        clock=True,
    ),
}


def find_drill(name: str, *, staging: bool = False) -> Drill:
    """Return a drill by its name.

    Raises:
        InvalidParameter: there is none.
        NotForDrills: it breaks more than the providers, which is not for a staging system.
    """
    if name not in DRILLS:
        raise InvalidParameter(f"there is no drill {name!r}: `push-pipeline drill --list`")
    if staging and not DRILLS[name].anywhere:
        offered = ", ".join(one for one, drill in DRILLS.items() if drill.anywhere)
        raise NotForDrills(
            f"{name} breaks processes, which on staging are not ours; offered there: {offered}"
        )
    return DRILLS[name]


def facts_of(run: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a run's ledger."""
    return {name: value for name, value in run.items() if isinstance(value, int)}
