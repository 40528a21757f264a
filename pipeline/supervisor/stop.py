"""Stopping by signal: the first one is an orderly end, further ones are ignored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

#: What asks a process to end: a terminal's Ctrl-C, an init system, a terminal that closes.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked to stop. Not an `Exception`: nothing but the command itself handles it."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread when the first signal comes that asks for an end.

    Further ones do nothing: the stopping that the first one began has deadlines of its own.
    """
    before = {number: signal.signal(number, _raise) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_stop() -> NoReturn:
    """Wait for the signal."""
    while True:
        signal.pause()


def _raise(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
