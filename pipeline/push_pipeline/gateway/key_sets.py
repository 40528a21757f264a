"""Key sets (JWKS, RFC 7517) of the apps' identity providers, fetched seldom and kept.

A provider is a stranger, and may be slow or hostile: nobody waits for it but those who ask for
a key of it, no thread waits for it at all, and whatever it sends is a set of keys or none.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import jwt
import orjson

from push_pipeline.errors import BadCredential, InvalidUserToken, UserKeysUnavailable
from push_pipeline.gateway.bounded_get import GetFailed, get
from push_pipeline.settings import get_settings

logger = logging.getLogger(__name__)

#: Seconds. A key that its provider has withdrawn is refused after this.
KEEP_SECONDS = 300.0

#: Seconds between two fetches for key ids that are not in the set, and after a fetch that
#: failed: neither tokens with invented ids nor a provider that is away make us ask for each.
REFETCH_SECONDS = 10.0

Keys = dict[str | None, jwt.PyJWK]


class KeySets:
    """The key sets by their URL. For one event loop."""

    def __init__(self) -> None:
        self._sets: dict[str, _KeySet] = {}

    async def find(self, url: str, key_id: str | None) -> jwt.PyJWK:
        """Return a key. A token that names none is checked with the only key that there is.

        Raises:
            InvalidUserToken: the set has no such key.
            UserKeysUnavailable: the set cannot be fetched, and none is kept.
        """
        return await self._sets.setdefault(url, _KeySet(url)).find(key_id)


@dataclass
class _KeySet:
    """One set. It is fetched once for all who need it meanwhile; who has a key does not wait."""

    url: str
    keys: Keys | None = None
    asked_at: float = float("-inf")
    fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK:
        if self._must_fetch(key_id):
            await self._fetched()
        if self.keys is None:
            raise UserKeysUnavailable(f"{self.url} gave no key set")
        key = _pick(self.keys, key_id)
        if key is None:
            raise InvalidUserToken
        return key

    def _must_fetch(self, key_id: str | None) -> bool:
        found = self.keys is not None and _pick(self.keys, key_id) is not None
        return time.monotonic() - self.asked_at > (KEEP_SECONDS if found else REFETCH_SECONDS)

    async def _fetched(self) -> None:
        if self.fetching is None:
            self.fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self.fetching)

    async def _fetch(self) -> None:
        """Fetch the set; while its provider is away, the one before stays in force."""
        try:
            self.keys = await _read(self.url)
        except (GetFailed, BadCredential) as error:
            logger.warning("no key set from %s: %s", self.url, error, extra={"action": "key_set"})
        self.asked_at = time.monotonic()
        self.fetching = None


def _pick(keys: Keys, key_id: str | None) -> jwt.PyJWK | None:
    if key_id is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(key_id)


async def _read(url: str) -> Keys:
    ca_file = get_settings().ca_file
    document = await get(url, str(ca_file) if ca_file else None)
    return await asyncio.to_thread(_parse, document)


def _parse(document: bytes) -> Keys:
    try:
        return {key.key_id: key for key in jwt.PyJWKSet.from_dict(orjson.loads(document)).keys}
    except Exception as error:  # noqa: BLE001 - no list of errors covers what a stranger may send
        raise GetFailed(type(error).__name__) from None
