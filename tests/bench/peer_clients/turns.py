"""How a client of the benchmark is driven: a count on each line of its input, a JSON line back."""

import json
import resource
import sys
import time
from collections.abc import Callable

#: What is pushed to each device, about as long as our own payload of the transport's benchmark.
TITLE, BODY = "Title", "x" * 268

stand = json.loads(sys.argv[1])


def apns_tokens(count: int) -> list[str]:
    return [f"{n:064x}" for n in range(count)]


def fcm_tokens(count: int) -> list[str]:
    return [f"{n:0150x}" for n in range(count)]


def serve(send: Callable[[int], int]) -> None:
    """Send to as many as are asked for, and say how many were accepted and what it cost."""
    for line in sys.stdin:
        with Turn() as turn:
            turn.accepted = send(int(line))


class Turn:
    """Measures what is done inside and tells it in the end."""

    accepted = 0

    def __enter__(self) -> "Turn":
        self._started, self._before = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        seconds, cpu = time.perf_counter() - self._started, _cpu() - self._before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        told = {"accepted": self.accepted, "seconds": seconds, "cpu": cpu, "peak_mb": peak}
        print(json.dumps(told), flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
