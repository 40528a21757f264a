"""Key sets (JWKS, RFC 7517) of the apps' identity providers, fetched seldom and kept."""

import logging
import threading
import time
from dataclasses import dataclass, field

import jwt
import requests

from push_pipeline.errors import InvalidUserToken, UserKeysUnavailable
from push_pipeline.settings import get_settings

logger = logging.getLogger(__name__)

#: Seconds. A key that its provider has withdrawn is refused after this.
KEEP_SECONDS = 300.0

#: Seconds between two fetches for key ids that are not in the set, and after a fetch that
#: failed: neither tokens with invented ids nor a provider that is away make us ask for each.
REFETCH_SECONDS = 10.0

#: Seconds to connect, and to wait for bytes.
TIMEOUT_SECONDS = (2.0, 2.0)

Keys = dict[str | None, jwt.PyJWK]


class KeySets:
    """The key sets by their URL."""

    def __init__(self) -> None:
        self._sets: dict[str, _KeySet] = {}

    def find(self, url: str, key_id: str | None) -> jwt.PyJWK:
        """Return a key. A token that names none is checked with the only key that there is.

        Raises:
            InvalidUserToken: the set has no such key.
            UserKeysUnavailable: the set cannot be fetched, and none is kept.
        """
        return self._sets.setdefault(url, _KeySet(url)).find(key_id)


@dataclass
class _KeySet:
    """One set. One thread fetches it, the others that need it wait; none waits for another set."""

    url: str
    keys: Keys | None = None
    asked_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key_id: str | None) -> jwt.PyJWK:
        with self.lock:
            if self._must_fetch(key_id):
                self._fetch()
            keys = self.keys
        if keys is None:
            raise UserKeysUnavailable(f"{self.url} gave no key set")
        key = _pick(keys, key_id)
        if key is None:
            raise InvalidUserToken
        return key

    def _must_fetch(self, key_id: str | None) -> bool:
        found = self.keys is not None and _pick(self.keys, key_id) is not None
        return time.monotonic() - self.asked_at > (KEEP_SECONDS if found else REFETCH_SECONDS)

    def _fetch(self) -> None:
        """Fetch the set; while its provider is away, the one before stays in force."""
        try:
            self.keys = _read(self.url)
        except (requests.RequestException, jwt.PyJWTError, ValueError, AttributeError) as error:
            why = type(error).__name__
            logger.warning("no key set from %s: %s", self.url, why, extra={"action": "key_set"})
        self.asked_at = time.monotonic()


def _pick(keys: Keys, key_id: str | None) -> jwt.PyJWK | None:
    if key_id is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(key_id)


def _read(url: str) -> Keys:
    ca_file = get_settings().ca_file
    answer = requests.get(url, timeout=TIMEOUT_SECONDS, verify=str(ca_file) if ca_file else True)
    answer.raise_for_status()
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys}
