"""A notification's id: made from run and device, so that every attempt has the same one; pure."""

import hashlib
from collections.abc import Iterable

#: The last group of a UUID: twelve hexadecimal digits.
_LAST = (1 << 48) - 1


def notification_ids(message_id: str, n: int, device_keys: Iterable[int]) -> list[str]:
    """Return a lower-case UUID (version 8, RFC 9562) for each device of a run.

    Sixty bits are of the message and the run, sixty are the device's key: nothing has to be
    stored to trace a notification, and no two are alike.
    """
    keys = tuple(device_keys)
    digest = hashlib.blake2b(f"{message_id}#{n}".encode(), digest_size=8).hexdigest()
    head = f"{digest[:8]}-{digest[8:12]}-8{digest[12:15]}-8"
    if max(keys, default=0) <= _LAST:  # as far as databases have counted: one format for all
        return (f"{head}000-%012x\n" * len(keys) % keys).split("\n")[:-1]
    return [f"{head}{key >> 48:03x}-{key & _LAST:012x}" for key in keys]
