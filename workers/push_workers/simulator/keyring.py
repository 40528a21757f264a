"""The APNs signing keys that the simulator knows, and what a provider token says about itself."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict

from push_workers.simulator import jws

#: Provider tokens whose verification is remembered; a sender has few, an attacker many.
_REMEMBERED = 10_000


class SigningKey(BaseModel):
    """One .p8 key as Apple would know it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: str
    team_id: str
    public_key: str  # PEM
    environment: Literal["production", "sandbox"] | None = None  # None: an unscoped key
    family: str = ""  # keys of one family may follow each other on a connection
    topics: tuple[str, ...] | None = None  # None: all topics of the team


class ProviderToken(NamedTuple):
    """A provider token whose signature is good."""

    key: SigningKey
    issued_at: int


class KeyRing:
    """Verifies provider tokens; each distinct one costs one signature check."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._own = list(keys)
        self.reset()

    def reset(self) -> None:
        """Forget all keys but the simulator's own."""
        self._keys: dict[str, tuple[SigningKey, ec.EllipticCurvePublicKey]] = {}
        self._verified: dict[str, ProviderToken | None] = {}
        self.tokens_seen = 0
        for key in self._own:
            self.add(key)

    def add(self, key: SigningKey) -> None:
        """Learn a key, or replace it.

        Raises:
            ValueError: the PEM is not an elliptic-curve public key.
        """
        public = serialization.load_pem_public_key(key.public_key.encode())
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("APNs keys are elliptic-curve keys")  # noqa: TRY004 - bad data, not a bad call
        self._keys[key.key_id] = (key, public)
        self._verified.clear()

    def read(self, token: str) -> ProviderToken | None:
        """Return what the token says; None where Apple would answer InvalidProviderToken."""
        try:
            return self._verified[token]
        except KeyError:
            pass
        self.tokens_seen += 1
        verdict = self._verify(token)
        if len(self._verified) < _REMEMBERED:
            self._verified[token] = verdict
        return verdict

    def _verify(self, token: str) -> ProviderToken | None:
        try:
            parsed = jws.parse(token)
        except jws.MalformedError:
            return None
        key, public = self._keys.get(str(parsed.header.get("kid")), (None, None))
        issued_at = parsed.claims.get("iat")
        if key is None or public is None or type(issued_at) is not int:
            return None
        if parsed.claims.get("iss") != key.team_id or not jws.is_signed_by(parsed, public):
            return None
        return ProviderToken(key, issued_at)
