"""Redis Sentinel: how it is asked, and what its sentinels say of the broker's servers.

The sentinels say which server is the master now. After a failover it is another one, and
whoever connects anew asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Seconds. A sentinel that does not answer at once is passed over for the next.
TIMEOUT_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """What one sentinel says: of the master, or why there is no answer."""

    sentinel: str
    error: str | None = None
    master: str | None = None
    replicas: int = 0
    down: bool = False


def options(password: str | None) -> dict[str, Any]:
    """Return how a sentinel is connected to: no wait for one that is away."""
    return {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "password": password,
    }


def ask(sentinels: Sequence[tuple[str, int]], name: str, password: str | None) -> list[Answer]:
    """Ask every sentinel about a group of servers."""
    return [_ask(host, port, name, password) for host, port in sentinels]


def _ask(host: str, port: int, name: str, password: str | None) -> Answer:
    where = f"{host}:{port}"
    try:
        with Redis(host, port, decode_responses=True, **options(password)) as client:
            known = client.sentinel_masters()
    except RedisError as error:
        return Answer(where, error=type(error).__name__)
    if name not in known:
        return Answer(where, error=f"knows no {name!r}")
    said = known[name]
    return Answer(
        where,
        master=f"{said['ip']}:{said['port']}",
        replicas=said["num-slaves"],
        down=bool(said["is_odown"] or said["is_sdown"]),
    )


def judged(name: str, answers: Sequence[Answer]) -> tuple[bool, str]:
    """Say whether a failover would go well, and what is there; pure."""
    heard = [one for one in answers if one.error is None]
    silent = ", ".join(f"{one.sentinel} ({one.error})" for one in answers if one.error)
    if not heard:
        return False, (
            f"none says where {name!r} is: {silent}; PIPELINE_BROKER_MASTER is the name in their"
            " `sentinel monitor`"
        )
    masters = sorted({str(one.master) for one in heard})
    says = f"{name} is {' or '.join(masters)}, {_counted(heard)}"
    wrong = _what_is_wrong(masters, heard)
    if wrong is None and silent:
        wrong = f"not heard: {silent}"
    return wrong is None, f"{says}; {wrong}" if wrong else says


def _counted(heard: Sequence[Answer]) -> str:
    replicas = max(one.replicas for one in heard)
    return f"{replicas} replica{'s' * (replicas != 1)}, {len(heard)} sentinels asked"


def _what_is_wrong(masters: Sequence[str], heard: Sequence[Answer]) -> str | None:
    if len(masters) > 1:
        return "the sentinels do not agree: wait for the end of a failover, or `SENTINEL RESET`"
    if any(one.down for one in heard):
        return "it does not answer them: a failover is under way, or they are too few for one"
    if not any(one.replicas for one in heard):
        return "there is no replica to fail over to: start one with `replicaof`"
    return None
