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

WakeQueue = SimpleQueue[list[Wake] | None]


@contextmanager
def waking_behind() -> Iterator[None]:
    """Send this process's wake-ups from a thread; at the end, what is left is sent first."""
    waiting: WakeQueue = SimpleQueue()
    thread = threading.Thread(target=_send_until_told, args=(waiting,), name="waker")
    thread.start()
    queues.hand_wakes_to(waiting.put)
    try:
        yield
    finally:
        queues.hand_wakes_to(None)
        waiting.put(None)
        thread.join()


def _send_until_told(waiting: WakeQueue) -> None:
    while (todo := waiting.get()) is not None:
        try:
            queues.wake_now([*todo, *_drain(waiting)])
        except Exception:  # a thread that ended would leave every later wake-up to the tick
            logger.exception("wake-ups were not sent; the tick will send them")


def _drain(waiting: WakeQueue) -> Iterator[Wake]:
    """Yield what waits already; the sign to stop is put back."""
    for _ in range(waiting.qsize()):
        following = waiting.get()
        if following is None:
            waiting.put(None)
            return
        yield from following
