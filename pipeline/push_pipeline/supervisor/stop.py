"""Stopping by signal: the first one is an orderly end, further ones change nothing."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import NoReturn

#: What asks a process to end: a terminal's Ctrl-C, an init system, a terminal that closes.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked to stop. Not an `Exception`: nothing but the command itself handles it."""


class _Stop:
    """Whether somebody asked. Raises once, at a moment when that does no harm.

    The handler stays in place afterwards and does nothing: were the signals ignored instead, a
    child that is started meanwhile would inherit that and could not be asked to stop.
    """

    def __init__(self) -> None:
        self._asked = False
        self._raised = False
        self._holds = 0

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Note the signal."""
        self._asked = True
        self._raise_if_due()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Put the raising off until the block has ended."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._asked and not self._raised and not self._holds:
            self._raised = True
            raise Stopped


_stop = _Stop()


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread when the first signal comes that asks for an end.

    Further ones do nothing: the stopping that the first one began has deadlines of its own.
    """
    before = {number: signal.signal(number, _stop.handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def uninterrupted() -> AbstractContextManager[None]:
    """Keep `Stopped` out of a block: between the start of a child and the note of it, say."""
    return _stop.hold()


def wait_for_stop() -> NoReturn:
    """Wait for the signal."""
    while True:
        signal.pause()
