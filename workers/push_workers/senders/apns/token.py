"""The provider token of APNs: every process builds the same one, without talking to others.

Apple ("Establishing a token-based connection to APNs") refuses a token older than 60 minutes
and one that is renewed more often than every 20 minutes on a connection. Here a token's `iat` is
the start of the current half hour and its signature is deterministic (RFC 6979), so that all
workers of all machines show APNs byte-identical tokens; and a connection keeps the token that it
first showed for at least 25 minutes. So a token is never older than 55 minutes, and no
connection changes it twice within 20, even one that was opened just before a half hour began.
"""

import base64
import time
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from push_pipeline.content import compact_json
from push_pipeline.credentials import ApnsCredential
from push_pipeline.credentials.apns import signing_key

#: All tokens of one window are the same. Seconds.
WINDOW_SECONDS = 1800

#: How long a connection keeps a token before it may take the next one. Seconds.
KEPT_SECONDS = 1500

#: Half of an ES256 signature (RFC 7518, 3.4). Bytes.
_HALF_BYTES = 32


class _Shown(NamedTuple):
    """What one connection showed, and since when (epoch seconds)."""

    window: int
    since: float
    token: bytes


class ProviderTokens:
    """The tokens of one key, one per connection. Not for several threads."""

    def __init__(
        self, credential: ApnsCredential, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._credential = credential
        self._key = signing_key(credential.key_pem or "")
        self._clock = clock
        self._shown: dict[int, _Shown] = {}

    def __repr__(self) -> str:
        return f"ProviderTokens(key_id={self._credential.key_id!r})"

    def token_for(self, connection_id: int) -> bytes:
        """Return the token that this connection is to show now."""
        now = self._clock()
        shown = self._shown.get(connection_id)
        if shown is None or not _is_kept(shown, now):
            shown = self._show(connection_id, now)
        return shown.token

    def _show(self, connection_id: int, now: float) -> _Shown:
        # Connections that were closed are never asked about again: forget what has expired.
        self._shown = {key: old for key, old in self._shown.items() if _is_kept(old, now)}
        window = _window(now)
        token = next((old.token for old in self._shown.values() if old.window == window), None)
        shown = _Shown(window, now, token or self._sign(window))
        self._shown[connection_id] = shown
        return shown

    def _sign(self, window: int) -> bytes:
        head = _part({"alg": "ES256", "kid": self._credential.key_id})
        claims = _part({"iss": self._credential.team_id, "iat": window * WINDOW_SECONDS})
        signed = head + b"." + claims
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        halves = decode_dss_signature(self._key.sign(signed, algorithm))
        signature = b"".join(half.to_bytes(_HALF_BYTES, "big") for half in halves)
        return signed + b"." + _base64(signature)


def _window(now: float) -> int:
    return int(now // WINDOW_SECONDS)


def _is_kept(shown: _Shown, now: float) -> bool:
    return shown.window == _window(now) or 0 <= now - shown.since < KEPT_SECONDS


def _part(value: dict[str, object]) -> bytes:
    return _base64(compact_json(value))


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
