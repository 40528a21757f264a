"""Buckets in Redis, one for all workers; a share of each in this process while Redis is away."""

import logging
import os
import time
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from push_pipeline import queues, sentinels
from push_pipeline.broker_address import is_rabbitmq, is_sentinel, sentinels_in
from push_pipeline.budgets.bucket import Ask, Bucket, Grant, Limits
from push_pipeline.settings import get_settings

logger = logging.getLogger(__name__)

#: Seconds. Redis answers in less than a thousandth; a batch waits no longer for one that is away.
TIMEOUT_SECONDS = 0.4

#: Seconds in which a Redis that has just failed is not asked again.
REST_SECONDS = 5.0

#: Among how many a rate is shared out by a process that Redis never told how many there are.
TAKERS_ASSUMED = 32

#: What all may send a second while Redis is away, where the provider publishes no limit.
RATE_ASSUMED = 10_000.0

_SCRIPT = files("push_pipeline.budgets").joinpath("script.lua").read_text()


class Budgets:
    """This process's way to the buckets. Made after the fork; never raises for Redis."""

    def __init__(self) -> None:
        self._who = os.urandom(8).hex()
        self._resting_until = 0.0
        self._takers: dict[str, int] = {}
        self._shares: dict[str, Bucket] = {}
        self._clients: list[redis.Redis] = []
        self._digest = ""

    def take(self, key: str, limits: Limits, ask: Ask) -> Grant:
        """Take what may be sent now of what all workers may send together."""
        asked = (ask.first, ask.step, ask.wanted, int(ask.bulk))
        answer = self._evaluate("take", key, limits, asked)
        if answer is None:
            return self._own_share(key, limits, ask)
        allowed, wait, self._takers[key], _ = answer
        self._shares.pop(key, None)
        return Grant(int(float(allowed)), float(wait))

    def put_back(self, key: str, limits: Limits, tokens: int) -> None:
        """Return what was taken and not spent."""
        if self._evaluate("put back", key, limits, (0, 0, tokens, 0)) is None:
            share = self._share(key)
            share.put_back(self._shared_out(key, limits), tokens, time.monotonic())

    def cut(self, key: str, limits: Limits) -> float:
        """Halve what all may send: the provider is in trouble; return what is left of it."""
        answer = self._evaluate("cut", key, limits, (0, 0, 0, 0))
        if answer is not None:
            return float(answer[0])
        return self._share(key).cut(self._shared_out(key, limits), time.monotonic())

    def close(self) -> None:
        """Close the connections to Redis."""
        for client in self._clients:
            client.close()
        self._clients = []

    def _own_share(self, key: str, limits: Limits, ask: Ask) -> Grant:
        return self._share(key).take(self._shared_out(key, limits), ask, time.monotonic())

    def _share(self, key: str) -> Bucket:
        return self._shares.setdefault(key, Bucket())

    def _shared_out(self, key: str, limits: Limits) -> Limits:
        """Return what this process may send by itself: never without a limit."""
        takers = self._takers.get(key, TAKERS_ASSUMED)
        return limits._replace(rate=(limits.rate or RATE_ASSUMED) / max(takers, 1))

    def _evaluate(
        self, verb: str, key: str, limits: Limits, asked: tuple[int, ...]
    ) -> list[Any] | None:
        if time.monotonic() < self._resting_until:
            return None
        named = get_settings().key_prefix + key
        told = (verb, limits.rate, limits.burst_seconds, int(limits.ramps), *asked, self._who)
        try:
            return self._run((named, f"{named}:takers", *map(str, told)))
        except (RedisError, OSError) as error:
            self._resting_until = time.monotonic() + REST_SECONDS
            logger.warning(
                "the budgets in Redis cannot be had: sending by a share of each",
                extra={"action": "budget_away", "error": type(error).__name__},
            )
            return None

    def _run(self, told: tuple[str, ...]) -> list[Any]:
        self._clients = self._clients or _connect()
        for number, client in enumerate(self._clients):
            try:
                return self._call(client, told)
            except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError):
                if number + 1 == len(self._clients):
                    raise
        raise redis.ConnectionError

    def _call(self, client: redis.Redis, told: tuple[str, ...]) -> list[Any]:
        try:
            if self._digest:
                return list(client.evalsha(self._digest, 2, *told))
        except NoScriptError:
            pass  # Redis was started anew
        self._digest = str(client.script_load(_SCRIPT))
        return list(client.evalsha(self._digest, 2, *told))


def read_bucket(key: str) -> dict[str, float] | None:
    """Read what is stored of a bucket, for an operator: empty where it is not in use now.

    None where Redis does not answer.
    """
    named = get_settings().key_prefix + key
    for client in _connect():
        try:
            with client:
                stored: dict[str, str] = client.hgetall(named)  # type: ignore[assignment]
                takers = client.zcard(f"{named}:takers")
        except (RedisError, OSError):
            continue
        found = {name: float(value) for name, value in stored.items()}
        return found | {"takers": float(str(takers))} if found else {}
    return None


def _connect() -> list[redis.Redis]:
    """Make a client for each address of a Redis; none of them connects yet.

    One for all sentinels, which asks them for the master whenever it connects; none for RabbitMQ.
    """
    settings = get_settings()
    url = settings.budgets_url or queues.broker_url()
    if is_rabbitmq(url):
        return []
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
    }
    if is_sentinel(url):
        parts = urlsplit(url.partition(";")[0])
        options |= {"username": parts.username, "db": int(parts.path.strip("/") or 0)}
        options["password"] = unquote(parts.password) if parts.password else None
        asked = sentinels.options(queues.sentinel_password(settings))
        known = Sentinel(sentinels_in(url), sentinel_kwargs=asked)
        return [known.master_for(str(settings.broker_master), **options)]
    return [redis.Redis.from_url(_as_client_url(one), **options) for one in url.split(";")]


def _as_client_url(url: str) -> str:
    """Write a broker's URL as the client reads it: kombu has its own words for a socket."""
    if not url.startswith("redis+socket://"):
        return url
    parts = urlsplit(url)
    database = parse_qs(parts.query).get("virtual_host", ["0"])[-1]
    password = f":{parts.password}@" if parts.password else ""
    return f"unix://{password}{parts.path}?db={database.strip('/')}"
