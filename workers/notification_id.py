"""A notification's id: made from run and device, so that every attempt has the same one; pure."""

import hashlib
from collections.abc import Iterable


def notification_ids(message_id: str, n: int, device_keys: Iterable[int]) -> list[str]:
    """Return a lower-case UUID (version 8, RFC 9562) for each device of a run.

    Sixty bits are of the message and the run, sixty are the device's key: nothing has to be
    stored to trace a notification, and no two are alike.
    """
    digest = hashlib.blake2b(f"{message_id}#{n}".encode(), digest_size=8).hexdigest()
    head = f"{digest[:8]}-{digest[8:12]}-8{digest[12:15]}-8"
    return [f"{head}{tail[:3]}-{tail[3:]}" for tail in map(_fifteen_digits, device_keys)]


def _fifteen_digits(key: int) -> str:
    return f"{key:015x}"
