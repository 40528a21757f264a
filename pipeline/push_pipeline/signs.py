"""Signs of life in Redis: which workers there are, and what each of their children has.

A worker renews its sign again and again, with the connection that it does so by. Each child notes
the claim that it takes, one at a time, in the place of the one before, or the fan-out that it is
at. A claim's number is never given twice, and a fan-out is noted with its leases, so an old note
is of what nobody has any more, and harms nobody. Workers of a release before say nothing, and do
not read what they do not know: there the lease alone counts.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

#: Milliseconds after which what nobody renews is dropped.
KEPT_MS = 3_600_000

#: Milliseconds after which notes of claims are dropped: more than the longest lease.
NOTES_KEPT_MS = 24 * 3_600_000

#: Scripts, since kombu's client puts a prefix before the keys of some commands, and not of others.
_NOTE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""
_RENEW = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
"""
_ALL = "return redis.call('HGETALL', KEYS[1])"
_FORGET = "redis.call('HDEL', KEYS[1], unpack(ARGV))"
_FORGET_WORKER = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
"""


class Held(NamedTuple):
    """A claim that a child of a worker took last."""

    child: int  # its process
    batch_id: int
    claim: int


class FanOut(NamedTuple):
    """A fan-out that a child of a worker is at, with the run's lease (0: none) as it may be.

    It is the one before the page that the child writes, or behind it: noted before the commit.
    """

    child: int
    run_id: int
    before: int
    behind: int


Noted = Held | FanOut


class Signs(NamedTuple):
    """What is known of all workers, and what this one's children took last."""

    of: Mapping[str, str]
    mine: list[Noted]


_worker: str | None = None


def begin() -> str:
    """Give this process, and the children that it will fork, a name as a worker."""
    global _worker  # noqa: PLW0603 - the name of the process, and of its children
    _worker = os.urandom(8).hex()
    return _worker


def this_worker() -> str | None:
    """Return the worker that this process is or belongs to; None where it is none."""
    return _worker


def note(client: Any, prefix: str, worker: str, held: Noted) -> bool:
    """Note what a child has taken."""
    child, *numbers = held
    told = " ".join(map(str, numbers))
    client.eval(_NOTE, 1, _notes(prefix, worker), child, told, NOTES_KEPT_MS)
    return True


def renew(client: Any, prefix: str, worker: str, count: int) -> Signs:
    """Renew a worker's sign, which is another each time, and read all signs."""
    places = f"{prefix}workers", _notes(prefix, worker)
    sign = f"{count} {_connection(client)}"
    found, notes = client.eval(_RENEW, 2, *places, worker, sign, KEPT_MS)
    return Signs({_text(name): _text(told) for name, told in _pairs(found)}, _read(notes))


def _connection(client: Any) -> str:
    try:
        return str(client.client_id())
    except ResponseError:  # this server tells nobody
        return "-"


def held_by(client: Any, prefix: str, worker: str) -> list[Noted]:
    """Return what the children of a worker took last."""
    return _read(client.eval(_ALL, 1, _notes(prefix, worker)))


def is_connected(client: Any, _prefix: str, sign: str) -> bool:
    """Tell whether the connection is open by which a sign came.

    The system closes it with the process, however that ended.
    """
    connection = sign.rpartition(" ")[2]
    if not connection.isdecimal():
        return True
    try:
        return len(client.client_list(client_id=[connection])) > 0
    except ResponseError:  # this server tells nobody
        return True


def forget_worker(client: Any, prefix: str, worker: str) -> None:
    """Forget a worker that is gone, and what its children had."""
    client.eval(_FORGET_WORKER, 2, f"{prefix}workers", _notes(prefix, worker), worker)


def forget_children(client: Any, prefix: str, worker: str, gone: Iterable[Noted]) -> None:
    """Forget what children had that are gone."""
    client.eval(_FORGET, 1, _notes(prefix, worker), *(one.child for one in gone))


def _notes(prefix: str, worker: str) -> str:
    return f"{prefix}claims:{worker}"


def _pairs(flat: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


#: By how many numbers a note has.
_KINDS: Mapping[int, Callable[[Iterable[int]], Noted]] = {
    len(kind._fields): kind._make for kind in (Held, FanOut)
}


def _read(notes: Sequence[Any]) -> list[Noted]:
    told = [(_text(child), *_text(one).split(" ")) for child, one in _pairs(notes)]
    whole = [one for one in told if len(one) in _KINDS and all(map(_is_key, one))]
    return [_KINDS[len(one)](map(int, one)) for one in whole]


def _is_key(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < len(str(2**63))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
