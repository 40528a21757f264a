"""What was read a moment ago, so that not every request asks the database the same."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Key = TypeVar("Key")
Value = TypeVar("Value")
Found = TypeVar("Found")

#: Seconds. How long a revoked key or a changed rule may go unnoticed.
FRESH_SECONDS = 5.0

#: Entries. Far above the keys and apps of one service; what bounds the memory.
ENTRIES_MAX = 10_000


class TtlCache(Generic[Key, Value]):
    """Values that are fresh for some seconds. For one thread, as the event loop is one."""

    def __init__(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._asking: dict[Key, asyncio.Task[Any]] = {}

    def fresh(self, key: Key) -> Value | None:
        """Return a value that was kept within the last seconds."""
        at, value = self._kept.get(key, (0.0, None))
        return value if time.monotonic() < at + self._fresh_seconds else None

    def ages(self, key: Key) -> bool:
        """Tell whether a value is still fresh, but not for long."""
        at, _ = self._kept.get(key, (0.0, None))
        return at + self._fresh_seconds / 2 <= time.monotonic() < at + self._fresh_seconds

    def renew(self, key: Key, find: Callable[[], Value | None]) -> None:
        """Find a value anew while the one that is kept does; where there is none any more, drop it.

        So what is asked for without a break is always fresh, and nobody waits for it. A failure
        is left to who asks when it is no longer fresh.
        """
        if key not in self._asking:
            self._ask(key, self._renewed(key, find)).add_done_callback(_note_failure)

    async def _renewed(self, key: Key, find: Callable[[], Value | None]) -> Value | None:
        found = await run_in_threadpool(find)
        if found is None:
            self.drop(key)
            return None
        return self.keep(key, found)

    async def look_up(self, key: Key, find: Callable[[], Found]) -> Found:
        """Find a value in a thread: once for all who ask while it is looked for. Keeps nothing.

        When what many use is no longer fresh they all come at once, and one answer does for all.
        """
        return await self._look_up(key, run_in_threadpool(find))

    async def read(self, key: Key, find: Callable[[], Value]) -> Value:
        """Return a fresh value; or look it up, and keep it before anybody is told of it."""
        known = self.fresh(key)
        return known if known is not None else await self._look_up(key, self._found(key, find))

    async def _found(self, key: Key, find: Callable[[], Value]) -> Value:
        return self.keep(key, await run_in_threadpool(find))

    async def _look_up(self, key: Key, finding: Coroutine[Any, Any, Found]) -> Found:
        if key in self._asking:
            finding.close()
        else:
            self._ask(key, finding)
        found: Found = await asyncio.shield(self._asking[key])
        return found

    def _ask(self, key: Key, finding: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        asking = self._asking[key] = asyncio.create_task(finding)
        asking.add_done_callback(lambda _: self._asking.pop(key))
        return asking

    def keep(self, key: Key, value: Value) -> Value:
        """Keep a value, in place of the oldest where there are too many."""
        self._kept.pop(key, None)
        if len(self._kept) >= ENTRIES_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (time.monotonic(), value)
        return value

    def drop(self, key: Key) -> None:
        """Forget a value."""
        self._kept.pop(key, None)


def _note_failure(asking: asyncio.Task[Any]) -> None:
    if not asking.cancelled():
        asking.exception()
