"""Wake-ups sent behind the answers, many at once, so that no publish waits for the broker.

A publish is safe when its transaction is committed; the wake-up only makes it quick. One that is
lost with the process is sent again by the tick.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from push_pipeline import queues
from push_pipeline.queues import Wake

logger = logging.getLogger(__name__)

#: Seconds between two sendings. A sending costs as much as a dozen wake-ups that share it; one that
#: comes after a silence is sent at once.
GATHER_SECONDS = 0.01

WakeQueue = SimpleQueue[list[Wake] | None]


@contextmanager
def waking_behind() -> Iterator[None]:
    """Send this process's wake-ups from a thread; at the end, what is left is sent first."""
    waiting: WakeQueue = SimpleQueue()
    ending = threading.Event()
    thread = threading.Thread(target=_send_until_told, args=(waiting, ending), name="waker")
    thread.start()
    queues.hand_wakes_to(waiting.put)
    try:
        yield
    finally:
        queues.hand_wakes_to(None)
        ending.set()
        waiting.put(None)
        thread.join()


def _send_until_told(waiting: WakeQueue, ending: threading.Event) -> None:
    while (todo := waiting.get()) is not None:
        try:
            queues.wake_now([*todo, *_drain(waiting)])
        except Exception:  # a thread that ended would leave every later wake-up to the tick
            logger.exception("wake-ups were not sent; the tick will send them")
        ending.wait(GATHER_SECONDS)


def _drain(waiting: WakeQueue) -> Iterator[Wake]:
    """Yield what waits already; the sign to stop is put back."""
    for _ in range(waiting.qsize()):
        following = waiting.get()
        if following is None:
            waiting.put(None)
            return
        yield from following
