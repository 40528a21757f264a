"""What many requests ask, done in one transaction.

Who comes while one is under way shares the next. A transaction costs about the same for one row
and for a hundred, and it is most of what a publish or a registration costs. Nobody waits for
company: the first request starts at once, alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from push_pipeline.errors import SetupError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

#: Is told the answer to what was asked, or the error.
Told = Callable[[Answer | Exception], None]

#: Requests per transaction: the costs that they share are small by then, and the locks that
#: they hold together are not held long. Each wait for the database is one for the interpreter as
#: well, which the event loop gives up every few milliseconds while it is busy: with fifty, a
#: full house waits twice as often.
GROUP_MAX = 100


def _no_marks(_: object) -> Iterable[Hashable]:
    return ()


class Batcher(Generic[Asked, Answer]):
    """Answers requests by groups, in the order in which they came, in a thread of its own.

    `do_all` gets a group and returns an answer for each, or raises and has done nothing. No two
    requests of a group share one of their `marks`. Used by one event loop only.
    """

    def __init__(
        self,
        do_all: Callable[[Sequence[Asked]], Sequence[Answer]],
        *,
        marks: Callable[[Asked], Iterable[Hashable]] = _no_marks,
    ) -> None:
        self._do_all = do_all
        self._marks = marks
        self._waiting: deque[tuple[Asked, Told[Answer]]] = deque()
        self._working: asyncio.Task[None] | None = None
        # Not one of the threads that all routes share: long reads of the ledger must not hold
        # up a publish.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="together")

    async def do(self, asked: Asked) -> Answer:
        """Do what is asked with the next group, and return its answer or raise its error."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put(asked, partial(_settle, answer))
        return await answer

    def put(self, asked: Asked, told: Told[Answer]) -> None:
        """Do what is asked with the next group; `told` is called with its answer or its error.

        It raises nothing, since others are told after it.
        """
        self._waiting.append((asked, told))
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    def close(self) -> None:
        """End the thread when what it is doing is done."""
        self._thread.shutdown()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                asked, told = zip(*self._next_group(), strict=True)
                answers = await loop.run_in_executor(self._thread, self._answers, asked)
                for tell, answer in zip(told, answers, strict=True):
                    tell(answer)
        finally:
            self._working = None

    def _next_group(self) -> list[tuple[Asked, Told[Answer]]]:
        """Take requests from the front until one may not be together with those before it."""
        group = [self._waiting.popleft()]
        taken = {*self._marks(group[0][0])}
        while self._waiting and len(group) < GROUP_MAX:
            marks = {*self._marks(self._waiting[0][0])}
            if not taken.isdisjoint(marks):
                break
            taken |= marks
            group.append(self._waiting.popleft())
        return group

    def _answers(self, asked: Sequence[Asked]) -> Sequence[Answer | Exception]:
        try:
            return self._do_all(asked)
        except SetupError as error:  # the database is away, for one as for all
            return [error] * len(asked)
        except Exception as error:  # noqa: BLE001 - it is raised where the request is answered
            if len(asked) == 1:
                return [error]
        return [self._answers([one])[0] for one in asked]  # what is wrong with one is its own


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():  # its request was given up
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
