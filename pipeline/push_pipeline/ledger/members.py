"""The members of a batch as bytes: eight of each key, or what each is more than the one before.

Keys of one audience lie close together, so that most of them take a byte. Plain ones are a
multiple of eight bytes, close ones never are: a reader needs nothing else. Pure.
"""

import struct
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import accumulate, islice
from operator import sub
from typing import Final

_PLAIN: Final = "q"
_PLAIN_BYTES: Final = 8

#: How each step is written (a code of `array`), how many members there are, and the first of them.
_HEAD: Final = struct.Struct("=cHq")


def pack(keys: Iterable[int]) -> bytes:
    """Pack device keys into eight bytes each."""
    return array(_PLAIN, keys).tobytes()


def pack_closely(keys: Sequence[int]) -> bytes:
    """Pack device keys that ascend into few bytes; others, and few, as `pack` does.

    The release 0.2 and those before cannot read them.
    """
    plain = pack(keys)
    if not 1 < len(keys) < 1 << 16:
        return plain
    told = _steps(list(keys))
    if told is None:
        return plain
    code, steps = told
    close = _HEAD.pack(code.encode(), len(keys), keys[0]) + steps
    if len(close) % _PLAIN_BYTES == 0:
        close += b"\0"
    return close if len(close) < len(plain) else plain


def unpack(members: bytes) -> list[int]:
    """Read packed device keys."""
    if len(members) % _PLAIN_BYTES == 0:
        return array(_PLAIN, members).tolist()
    code, count, first = _HEAD.unpack_from(members)
    steps = array(code.decode())
    end = _HEAD.size + steps.itemsize * (count - 1)
    steps.frombytes(members[_HEAD.size : end])
    return list(accumulate(steps, initial=first))


def _steps(keys: list[int]) -> tuple[str, bytes] | None:
    """Return how the steps from key to key are written, and them; None where they cannot be."""
    steps = map(sub, islice(keys, 1, None), keys)
    with suppress(ValueError):  # some step is no byte: mostly all are, and need no look before
        return "B", bytes(steps)
    steps = map(sub, islice(keys, 1, None), keys)
    with suppress(OverflowError):
        written = array("I", steps)
        code = "H" if max(written) < 1 << 16 else "I"
        return code, array(code, written).tobytes()
    return None
