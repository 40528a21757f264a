"""Numbers that move: one reader of the database for each topic, however many look at it.

A topic is read while somebody looks, twice a second at the most, and told only where it has
changed. A browser that loses the connection comes back by itself and gets what is true then.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from push_pipeline.errors import PipelineError

logger = logging.getLogger(__name__)

#: Seconds between two looks at a topic.
INTERVAL = 0.5

#: Seconds after which a silent stream says that it is there.
HEARTBEAT = 15.0

#: Streams of a gateway process; each holds a connection.
VIEWERS_MAX = 200

Read = Callable[[], str]


class TooManyViewers(Exception):
    """No more streams are opened now."""


class Topics:
    """The topics that somebody looks at. Used by one event loop only."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    async def follow(self, name: str, read: Read) -> AsyncGenerator[str]:
        """Yield what a topic says, now and whenever it changes; an empty text is a heartbeat.

        Raises:
            TooManyViewers: this process has as many as it takes.
        """
        if sum(len(topic.viewers) for topic in self._topics.values()) >= VIEWERS_MAX:
            raise TooManyViewers
        topic = self._topics.get(name)
        if topic is None or topic.is_broken:
            topic = self._topics[name] = _Topic(read)
        mailbox: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
        topic.welcome(mailbox)
        try:
            while not topic.is_broken:  # its viewers come back by themselves, and to a new one
                try:
                    yield await asyncio.wait_for(mailbox.get(), HEARTBEAT)
                except TimeoutError:
                    yield ""
        finally:
            if not topic.leave(mailbox) and self._topics.get(name) is topic:
                del self._topics[name]

    def close(self) -> None:
        """Stop reading."""
        for topic in self._topics.values():
            topic.stop()


class _Topic:
    def __init__(self, read: Read) -> None:
        self.viewers: set[asyncio.Queue[str]] = set()
        self._read = read
        self._said: str | None = None
        self._reading = asyncio.create_task(self._keep_reading())

    def welcome(self, mailbox: asyncio.Queue[str]) -> None:
        self.viewers.add(mailbox)
        if self._said is not None:
            mailbox.put_nowait(self._said)

    def leave(self, mailbox: asyncio.Queue[str]) -> bool:
        """Forget a viewer; False where it was the last, and nothing is read any more."""
        self.viewers.discard(mailbox)
        if not self.viewers:
            self.stop()
        return bool(self.viewers)

    @property
    def is_broken(self) -> bool:
        """Whether nothing is read any more though somebody looks."""
        return self._reading.done()

    def stop(self) -> None:
        self._reading.cancel()

    async def _keep_reading(self) -> None:
        while True:
            with suppress(PipelineError):  # a database that is away comes back
                said = await self._look()
                if said != self._said:
                    self._said = said
                    self._tell(said)
            await asyncio.sleep(INTERVAL)

    async def _look(self) -> str:
        try:
            return await run_in_threadpool(self._read)
        except PipelineError:
            raise
        except Exception:
            logger.exception("a page cannot be kept up to date", extra={"action": "defect"})
            raise

    def _tell(self, said: str) -> None:
        for mailbox in self.viewers:
            with suppress(asyncio.QueueEmpty):
                mailbox.get_nowait()  # who is slow gets the newest alone
            mailbox.put_nowait(said)
