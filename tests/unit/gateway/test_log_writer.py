"""Lines of requests are written together, in their order with all others, and none is lost."""

import asyncio
import logging
import re
import threading
import weakref
from collections.abc import Callable
from io import StringIO

import pytest

from push_pipeline.gateway import access_log
from push_pipeline.gateway.log_writer import LogWriter


class Output(StringIO):
    """What was written, and by how many calls."""

    calls = 0

    def write(self, text: str) -> int:
        self.calls += 1
        return super().write(text)


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def log(output: Output) -> Callable[..., None]:
    writer = LogWriter(output)
    writer.setFormatter(logging.Formatter("%(message)s"))

    def write(text: str, name: str = access_log.NAME) -> None:
        writer.handle(logging.makeLogRecord({"name": name, "msg": text, "levelno": logging.INFO}))

    return write


def test_what_is_answered_in_one_turn_is_written_at_its_end_by_one_call(
    log: Callable[..., None], output: Output
) -> None:
    async def answer() -> None:
        for text in "abc":
            log(text)
        assert output.getvalue() == ""
        await asyncio.sleep(0)
        assert output.getvalue() == "a\nb\nc\n"
        log("d")
        await asyncio.sleep(0)

    asyncio.run(answer())
    assert output.getvalue() == "a\nb\nc\nd\n"
    assert output.calls == 2


def test_any_other_line_is_written_at_once_and_behind_those_that_wait(
    log: Callable[..., None], output: Output
) -> None:
    async def answer() -> None:
        log("a")
        log("wrong", "push_pipeline")
        assert output.getvalue() == "a\nwrong\n"
        log("b")
        thread = threading.Thread(target=log, args=("of a thread",))
        thread.start()
        thread.join()
        assert output.getvalue() == "a\nwrong\nb\nof a thread\n"

    asyncio.run(answer())
    assert output.getvalue().count("\n") == 4


def test_what_waits_when_the_process_ends_is_written(output: Output) -> None:
    writer = LogWriter(output)
    loop = asyncio.new_event_loop()
    loop.call_soon(
        lambda: (writer.handle(logging.makeLogRecord({"name": access_log.NAME})), loop.stop())
    )
    loop.run_forever()
    loop.close()
    waiting = output.getvalue()

    logging.shutdown([weakref.ref(writer)])

    assert (waiting, output.getvalue().count("\n")) == ("", 1)


def test_a_line_looks_as_the_standard_library_writes_it(output: Output) -> None:
    writer = LogWriter(output)
    usual = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    moments = [1_700_000_000.25, 1_700_000_000.999, 1_700_003_600.0]
    records = [
        logging.makeLogRecord({"created": at, "msecs": at % 1 * 1000, "msg": "x"}) for at in moments
    ]

    for record in records:
        writer.handle(record)

    lines = output.getvalue().splitlines()
    assert lines == [usual.format(record) for record in records]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line) for line in lines)
