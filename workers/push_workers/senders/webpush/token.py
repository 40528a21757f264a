"""The signature that push services know an app by (VAPID, RFC 8292): one for each of them.

A token may live for 24 hours and is for one origin. Signing costs as much as encrypting, so one
is shown for six hours; its `exp` ends a window of six, and its signature is deterministic (RFC
6979), so that all workers of all machines show the same bytes.
"""

import base64
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from push_pipeline.content import compact_json
from push_pipeline.credentials.webpush import WebPushCredential
from push_pipeline.web_push import Origin

#: All tokens of one window are the same. Seconds.
WINDOW_SECONDS = 6 * 3600

#: A token ends so many windows after its own began: it lives for 12 to 18 hours.
_WINDOWS = 3

#: Half of an ES256 signature (RFC 7518, 3.4). Bytes.
_HALF_BYTES = 32


class VapidTokens:
    """The tokens of one key, one per push service. Not for several threads."""

    def __init__(
        self, credential: WebPushCredential, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = credential.private_key()
        self._public = credential.public_key.encode()
        self._subject = credential.subject
        self._clock = clock
        self._window = -1
        self._shown: dict[Origin, bytes] = {}

    def __repr__(self) -> str:
        return f"VapidTokens(subject={self._subject!r})"

    def authorization(self, origin: Origin) -> bytes:
        """Return the header's value for requests to a push service."""
        window = int(self._clock() // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._shown = window, {}
        shown = self._shown.get(origin)
        if shown is None:
            shown = b"vapid t=%s,k=%s" % (self._sign(origin), self._public)
            self._shown[origin] = shown
        return shown

    def _sign(self, origin: Origin) -> bytes:
        ends = (self._window + _WINDOWS) * WINDOW_SECONDS
        claims = {"aud": str(origin), "exp": ends, "sub": self._subject}
        signed = _part({"typ": "JWT", "alg": "ES256"}) + b"." + _part(claims)
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        halves = decode_dss_signature(self._key.sign(signed, algorithm))
        signature = b"".join(half.to_bytes(_HALF_BYTES, "big") for half in halves)
        return signed + b"." + _base64(signature)


def _part(value: dict[str, object]) -> bytes:
    return _base64(compact_json(value))


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
