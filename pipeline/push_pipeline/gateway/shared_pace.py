"""How fast somebody may ask all gateways together: counted in Redis, by its clock."""

import os
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool

from push_pipeline import queues
from push_pipeline.broker_address import is_rabbitmq
from push_pipeline.errors import TooManyPublishes
from push_pipeline.gateway import pace
from push_pipeline.gateway.pace import Pace
from push_pipeline.settings import get_settings

#: Among how many a rate is shared out while Redis is away, where it never told how many there are.
GATEWAYS_ASSUMED = 4

#: KEYS: the gateways that ask, and a bucket for each bound. ARGV: this gateway, the seconds of a
#: burst, and the rate of each bound. All buckets are emptied by one, or none. Returned is the
#: number of the bound that was met, 0 for none, and of how many gateways the last minute knows.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60)
redis.call('EXPIRE', KEYS[1], 120)
local gateways = redis.call('ZCARD', KEYS[1])
local burst, left = tonumber(ARGV[2]), {}
for i = 2, #KEYS do
  local rate, kept = tonumber(ARGV[i + 1]), redis.call('HMGET', KEYS[i], 'left', 'at')
  local since = math.max(0, now - tonumber(kept[2] or now))
  left[i] = math.min(rate * burst, tonumber(kept[1] or rate * burst) + since * rate)
  if left[i] < 1 then return {i - 1, gateways} end
end
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], 'left', string.format('%.17g', left[i] - 1),
    'at', string.format('%.17g', now))
  redis.call('EXPIRE', KEYS[i], math.ceil(burst) + 1)
end
return {0, gateways}
"""


class SharedPace:
    """This process's way to the count that all gateways keep.

    While Redis is away each counts its share by itself: the rate, divided by as many gateways as
    there were. With RabbitMQ there is no Redis, and each counts all by itself.
    """

    def __init__(self, own: Pace | None = None) -> None:
        self._own = own or Pace()
        self._me = os.urandom(8).hex()
        no_redis = is_rabbitmq(get_settings().broker_url or "")
        self._gateways = 1 if no_redis else GATEWAYS_ASSUMED

    async def take(self, bounds: Mapping[str, float]) -> None:
        """Count a publish against each bound: who it is of, and how many a second are its.

        Raises:
            TooManyPublishes: it is one too many for one of them.
        """
        if not bounds:
            return
        met = await run_in_threadpool(self._ask, bounds)
        if met is None:
            met = self._by_own_share(bounds)
        if met:
            rate = list(bounds.values())[met - 1]
            raise TooManyPublishes(f"no more than {rate:g} publishes a second are for this caller")

    def _ask(self, bounds: Mapping[str, float]) -> int | None:
        names = ["gateways", *(f"pace:{who}" for who in bounds)]
        answer = queues.evaluate(
            _TAKE, names, [self._me, pace.BURST_SECONDS, *map(float, bounds.values())]
        )
        if answer is None:
            return None
        met, self._gateways = answer
        return int(met)

    def _by_own_share(self, bounds: Mapping[str, float]) -> int:
        for number, (who, rate) in enumerate(bounds.items(), start=1):
            if not self._own.passes(who, rate / self._gateways):
                return number
        return 0
