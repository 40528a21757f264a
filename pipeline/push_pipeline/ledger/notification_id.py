"""A notification's id: made from run and device, so that every attempt has the same one; pure."""

import hashlib
import struct
import sys
from array import array
from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

#: The last group of a UUID: twelve hexadecimal digits.
_LAST = (1 << 48) - 1


def notification_ids(message_id: str, n: int, device_keys: Iterable[int]) -> list[str]:
    """Return a lower-case UUID (version 8, RFC 9562) for each device of a run.

    Sixty bits are of the message and the run, sixty are the device's key: nothing has to be
    stored to trace a notification, and no two are alike.
    """
    start, rests = id_parts(message_id, n, device_keys)
    return [(start + rest).decode() for rest in rests]


def id_parts(message_id: str, n: int, device_keys: Iterable[int]) -> tuple[bytes, Sequence[bytes]]:
    """Return what all ids of a run's notifications begin with, and the rest of each device's."""
    keys = tuple(device_keys)
    digest = hashlib.blake2b(f"{message_id}#{n}".encode(), digest_size=8).hexdigest()
    start = f"{digest[:8]}-{digest[8:12]}-8{digest[12:15]}-8".encode()
    if max(keys, default=0) > _LAST:  # farther than databases have counted
        return start, [b"%03x-%012x" % (key >> 48, key & _LAST) for key in keys]
    numbers = array("Q", keys)
    if sys.byteorder == "little":
        numbers.byteswap()
    # Of the sixteen digits of each the last twelve, all at once.
    return start + b"000-", _last_twelve(len(keys))(hexlify(numbers))


@lru_cache(maxsize=64)
def _last_twelve(count: int) -> Callable[[bytes], tuple[bytes, ...]]:
    return struct.Struct("4x12s" * count).unpack
