"""What is to be said once: its key as it is stored, and a fingerprint of what it says."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from push_pipeline.errors import InvalidParameter

#: Characters. Long enough for any natural key, short enough for an index.
KEY_MAX: Final = 255

#: Begins the stored keys of HTTP requests, and no key of a host's.
HTTP_PREFIX: Final = "idempotency-key:"


class DedupeKey(NamedTuple):
    """A key as it is stored; `before` is how a release stored it that took no fingerprints."""

    stored: str
    before: str | None = None


def key_of_host(key: str | None) -> DedupeKey | None:
    """Return the key that a host gives.

    Raises:
        InvalidParameter: it is empty, too long, or begins as those of HTTP requests do.
    """
    if key is None:
        return None
    _check_length(key)
    if key.startswith(HTTP_PREFIX):
        raise InvalidParameter(f"a dedupe key does not begin with {HTTP_PREFIX}")
    return DedupeKey(key)


def key_of_request(caller: str, key: str | None) -> DedupeKey | None:
    """Return the key of an HTTP request, which is its caller's own: two may choose the same.

    Raises:
        InvalidParameter: it is empty or too long.
    """
    if key is None:
        return None
    _check_length(key)
    scoped = hashlib.sha256(f"{caller}\n{key}".encode(errors="surrogatepass")).hexdigest()
    return DedupeKey(HTTP_PREFIX + scoped, key)


def fingerprint(asked: Mapping[str, object]) -> bytes:
    """Return the SHA-256 of what was asked, whatever the order of its names."""
    plain = json.loads(json.dumps(asked, default=str))  # every name is text: they have an order
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).digest()


def _check_length(key: str) -> None:
    if not 0 < len(key) <= KEY_MAX:
        raise InvalidParameter(f"a dedupe key has 1 to {KEY_MAX} characters")
