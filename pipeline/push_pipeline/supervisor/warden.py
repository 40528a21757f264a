"""Kills what a killed supervisor left behind. Runs as a file, with the standard library only.

Its standard input says which process groups are running: `+123` and `-123`, one a line. When
the input ends, however the supervisor ended, every group that is still noted gets SIGKILL.
A parent-death signal would do less: Linux alone has it, and the children of a worker process
do not inherit it.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Note groups until the input ends, then kill those that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it leaves last, and only by the end of its input
    running: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            running.add(group)
        else:
            running.discard(group)
    for group in running:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
