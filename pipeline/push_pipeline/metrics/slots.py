"""Numbers for the processes that write into a folder at the same time: one each, used again.

Files named by process ids would grow for ever, and who deleted those of the dead would lose what
they counted. A slot outlives its process: the next one that takes it counts on where that ended.
So there are never more files than there were processes at once.
"""

import fcntl
import logging
import os
import struct
from itertools import count
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

#: Bytes of a new file. Written out, not left as a hole: where a disk is full, a process that
#: writes into a mapped hole is killed.
FILE_BYTES: Final = 262_144

#: The kinds of files that a process has.
KINDS: Final = ("counter", "histogram")

#: What reading a file raises that somebody has damaged.
_DAMAGED: Final = (OSError, ValueError, RuntimeError, struct.error)


class Slots:
    """The slots of a folder, as seen by one process and by all that are forked from it.

    The file of locks is opened once: a process that closes it anywhere loses its slot.

    Raises:
        OSError: the folder cannot be written in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locks = os.open(folder / "slots", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._taken = (0, 0)

    def number(self) -> int:
        """Return this process's slot, which nobody else has until it ends.

        Raises:
            OSError: there is no room for its files.
        """
        process = os.getpid()
        if self._taken[0] != process:
            self._taken = (process, self._take())
        return self._taken[1]

    def _take(self) -> int:
        # A lock of this kind belongs to the process alone: a child that is forked has none of
        # its parent's, and whichever way a process ends the system lets go of it.
        number = next(slot for slot in count() if self._locked(slot))
        for kind in KINDS:
            self._make_file(self._folder / f"{kind}_{number}.db")
        return number

    def _locked(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except BlockingIOError:
            return False
        return True

    def _make_file(self, path: Path) -> None:
        """Make a file of zeros, so that nobody who reads meanwhile finds half of one."""
        if path.exists() and is_readable(path):
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(bytes(FILE_BYTES))
        new.replace(path)


def is_readable(path: Path) -> bool:
    """Tell whether a file of counts is whole; what is not is told, and no reason to fail."""
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 - a host never needs it

    try:
        for _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            pass
    except _DAMAGED as error:
        logger.warning("counts are left out: %s (%s)", path, type(error).__name__)
        return False
    return True
