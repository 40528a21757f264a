"""Key sets (JWKS, RFC 7517) of the apps' identity providers, fetched seldom and kept."""

import threading
import time
from dataclasses import dataclass

import jwt
import requests

from pipeline.errors import InvalidUserToken, UserKeysUnavailable
from pipeline.settings import get_settings

#: Seconds. A key that its provider has withdrawn is refused after this.
KEEP_SECONDS = 300.0

#: Seconds between two fetches for key ids that are not in the set: tokens with invented ids
#: must not make us ask for each of them.
REFETCH_SECONDS = 10.0

#: Seconds to connect, and to wait for bytes.
TIMEOUT_SECONDS = (2.0, 2.0)


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: dict[str | None, jwt.PyJWK]
    fetched_at: float


class KeySets:
    """The key sets by their URL. One thread fetches, the others wait for it."""

    def __init__(self) -> None:
        self._sets: dict[str, _KeySet] = {}
        self._lock = threading.Lock()

    def find(self, url: str, key_id: str | None) -> jwt.PyJWK:
        """Return a key. A token that names none is checked with the only key that there is.

        Raises:
            InvalidUserToken: the set has no such key.
            UserKeysUnavailable: the set cannot be fetched, and none is kept.
        """
        with self._lock:
            known = self._sets.get(url)
            if _must_fetch(known, key_id):
                known = self._sets[url] = _fetch(url, instead_of=known)
        key = _pick(known, key_id)
        if key is None:
            raise InvalidUserToken
        return key


def _must_fetch(known: _KeySet | None, key_id: str | None) -> bool:
    if known is None:
        return True
    age = time.monotonic() - known.fetched_at
    return age > KEEP_SECONDS or (age > REFETCH_SECONDS and _pick(known, key_id) is None)


def _pick(known: _KeySet | None, key_id: str | None) -> jwt.PyJWK | None:
    keys = known.keys if known else {}
    if key_id is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(key_id)


def _fetch(url: str, *, instead_of: _KeySet | None) -> _KeySet:
    """Fetch a set; while its provider is away, the one before stays in force."""
    ca_file = get_settings().ca_file
    try:
        answer = requests.get(
            url, timeout=TIMEOUT_SECONDS, verify=str(ca_file) if ca_file else True
        )
        answer.raise_for_status()
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys}
    except (requests.RequestException, jwt.PyJWTError, ValueError, AttributeError) as error:
        if instead_of is not None:
            return _KeySet(instead_of.keys, time.monotonic())
        raise UserKeysUnavailable(f"{url} gave no key set: {type(error).__name__}") from error
    return _KeySet(keys, time.monotonic())
