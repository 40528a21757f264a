"""Whose turn it is: what apps have waiting in a queue, in the order in which it is served.

The broker hands task messages out in the order of sending, so an app that sends thousands would
make all others wait for them. Therefore each key that a message carries also stands in a sorted
set of its queue, by a number: the app's last one plus one, and never below that of the key served
last. Whoever has a message takes the key with the smallest number: of every app one, then of
every app the next. Any number of messages and keys is well: a key without a message is found by
the tick, a message without a key does what it names.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from push_pipeline.task_messages import SAYS_TURN

#: Keys that one app has in a queue's set at the most; those beyond are served by their messages.
#: It bounds the set where no worker takes keys out of it, as those of a release before do not.
WAITING_MAX = 20_000

#: Milliseconds after which a set that nobody takes keys from is dropped.
KEPT_MS = 3_600_000

#: Keys that one message tries at the most until it finds one that is still to be done.
TRIED_MAX = 100

#: What the next two scripts begin with. KEYS: the set, and the last number of each app, with that
#: of the key served last under "". ARGV: the most waiting of an app, milliseconds.
_STANDING = """
local served = tonumber(redis.call('HGET', KEYS[2], '') or 0)
local function stands(app, key)
  local number = math.max(served, tonumber(redis.call('HGET', KEYS[2], app) or 0)) + 1
  if number - served > tonumber(ARGV[1]) then return redis.call('ZSCORE', KEYS[1], key) end
  if redis.call('ZADD', KEYS[1], 'NX', number, key) == 1 then
    redis.call('HSET', KEYS[2], app, number)
  end
  return true
end
local function keep()
  for i = 1, 2 do
    if redis.call('PTTL', KEYS[i]) == -1 then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
  end
end
"""

#: Then in ARGV: app and key of each. Returned is for each whether it stands in the set.
_ENLIST = f"""{_STANDING}
local enlisted = {{}}
for i = 3, #ARGV, 2 do
  enlisted[#enlisted + 1] = stands(ARGV[i], ARGV[i + 1]) and 1 or 0
end
keep()
return enlisted
"""

#: Then in KEYS: the list of messages. In ARGV: what a message says whose key stands in the set; and
#: of each its app, or nothing where it has no turn, its key, and both parts of its message.
_SEND = f"""{_STANDING}
for i = 4, #ARGV, 4 do
  local turn = ARGV[i] ~= '' and stands(ARGV[i], ARGV[i + 1]) and ARGV[3] or ''
  redis.call('LPUSH', KEYS[3], ARGV[i + 2] .. turn .. ARGV[i + 3])
end
keep()
"""

#: KEYS as before. ARGV: milliseconds.
_NEXT = """
local first = redis.call('ZPOPMIN', KEYS[1])
if not first[1] then return false end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('HSET', KEYS[2], '', first[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return first[1]
"""


class Sent(NamedTuple):
    """A message in two parts, between which it may say that its key has a turn; and whose it is."""

    app_id: str  # empty where it waits for no turn
    key: int
    before: str
    after: str


def enlist(client: Any, prefix: str, queue: str, waiting: Sequence[tuple[str, int]]) -> list[bool]:
    """Put keys, each with its app, into a queue's order; return which of them stand in it."""
    arguments = [part for app_and_key in waiting for part in app_and_key]
    return [
        stands == 1
        for stands in client.eval(
            _ENLIST, 2, *_places(prefix, queue), WAITING_MAX, KEPT_MS, *arguments
        )
    ]


def send(client: Any, prefix: str, queue: str, place: str, sent: Iterable[Sent]) -> None:
    """Put messages into a queue, whose list is `place`, and their keys into its order, at once."""
    keys = *_places(prefix, queue), place
    said = chain.from_iterable(sent)
    client.eval(_SEND, len(keys), *keys, WAITING_MAX, KEPT_MS, SAYS_TURN, *said)


def next_key(client: Any, prefix: str, queue: str) -> int | None:
    """Take the key whose turn it is, or None where none is in the order."""
    found = client.eval(_NEXT, 2, *_places(prefix, queue), KEPT_MS)
    return None if found is None else int(found)


def count(client: Any, prefix: str, queue: str) -> int:
    """Count the keys that wait for their turn."""
    counted: int = client.eval("return redis.call('ZCARD', KEYS[1])", 1, _places(prefix, queue)[0])
    return counted


#: KEYS: the set of the lane of single pushes, and the last numbers of the lane of broadcasts.
#: ARGV: the app that asks.
_OTHERS = """
if redis.call('ZCARD', KEYS[1]) > 0 then return 1 end
local apps = redis.call('HLEN', KEYS[2])
for _, one in ipairs({'', ARGV[1]}) do apps = apps - redis.call('HEXISTS', KEYS[2], one) end
return apps > 0 and 1 or 0
"""


def others_wait(client: Any, prefix: str, lane: str, bulk: str, app_id: str) -> bool:
    """Tell whether anything waits in a lane, or another app had something in its bulk lane.

    The latter since that was last empty: so it may be done already, which costs the asker little.
    """
    keys = _places(prefix, lane)[0], _places(prefix, bulk)[1]
    return bool(client.eval(_OTHERS, 2, *keys, app_id))


def _places(prefix: str, queue: str) -> tuple[str, str]:
    return f"{prefix}turns:{queue}", f"{prefix}turns:{queue}:apps"


def serve(named: int, following: Iterable[int], work: Callable[[int], bool]) -> None:
    """Do what is next and still to be done; where there is nothing, what the message names.

    `work` says whether there was anything to do. A key without work is of somebody who was
    served by name, or of a route that rests: it costs nobody a turn.
    """
    for _, key in zip(range(TRIED_MAX), following, strict=False):
        if work(key):
            return
    work(named)
