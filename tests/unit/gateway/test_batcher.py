"""Requests that share a transaction: who goes with whom, and whose error is whose."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from push_pipeline.errors import DatabaseUnavailable, InvalidParameter
from push_pipeline.gateway.batcher import GROUP_MAX, Batcher


class Work:
    """Answers a number with its square, holds the first group back, and remembers the groups."""

    def __init__(self, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.groups: list[list[int]] = []
        self.began = threading.Event()
        self.may_go_on = threading.Event()
        self._fails = fails

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        self.began.set()
        assert self.may_go_on.wait(10)
        if error := self._fails(asked):
            raise error
        return [one * one for one in asked]

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 10)


def ask(work: Work, numbers: Sequence[int], **options: object) -> list[int | BaseException]:
    """Ask for all numbers while the first one is being worked on."""

    async def main() -> list[int | BaseException]:
        together: Batcher[int, int] = Batcher(work, **options)
        asking = [asyncio.create_task(together.do(number)) for number in numbers]
        await work.has_begun()
        work.may_go_on.set()
        try:
            return await asyncio.gather(*asking, return_exceptions=True)
        finally:
            together.close()

    return asyncio.run(main())


def test_who_comes_while_a_group_is_worked_on_goes_with_the_next() -> None:
    work = Work()

    async def main() -> list[int]:
        together: Batcher[int, int] = Batcher(work)
        first = asyncio.create_task(together.do(1))
        await work.has_begun()
        others = [asyncio.create_task(together.do(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        work.may_go_on.set()
        result = await asyncio.gather(first, *others)
        together.close()
        return result

    assert asyncio.run(main()) == [1, 4, 9, 16]
    assert work.groups == [[1], [2, 3, 4]]


def test_a_group_has_a_bound_and_keeps_the_order() -> None:
    work = Work()
    numbers = range(2 * GROUP_MAX + 1)

    assert ask(work, numbers) == [number * number for number in numbers]
    assert max(map(len, work.groups)) == GROUP_MAX
    assert [number for group in work.groups for number in group] == list(numbers)


def test_two_that_share_a_mark_never_share_a_group() -> None:
    work = Work()

    ask(work, [0, 1, 2, 11, 3], marks=lambda number: [number % 10])

    assert [1, 11] not in work.groups
    assert all(len({number % 10 for number in group}) == len(group) for group in work.groups)
    assert [number for group in work.groups for number in group] == [0, 1, 2, 11, 3]


def test_what_is_wrong_with_one_is_no_error_of_the_others() -> None:
    work = Work(lambda asked: InvalidParameter("three") if 3 in asked else None)

    answers = ask(work, [1, 2, 3, 4])

    assert answers[:2] == [1, 4]
    assert isinstance(answers[2], InvalidParameter)
    assert answers[3] == 16


def test_a_database_that_is_away_is_asked_once_for_all() -> None:
    work = Work(lambda _: DatabaseUnavailable("away"))

    answers = ask(work, range(10))

    assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)
    assert sum(map(len, work.groups)) == 10  # each was asked for once


def test_a_request_that_is_given_up_does_not_hold_up_the_others() -> None:
    work = Work()

    async def main() -> int:
        together: Batcher[int, int] = Batcher(work)
        given_up = asyncio.create_task(together.do(1))
        await work.has_begun()
        other = asyncio.create_task(together.do(2))
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        work.may_go_on.set()
        answer = await other
        together.close()
        return answer

    assert asyncio.run(main()) == 4
