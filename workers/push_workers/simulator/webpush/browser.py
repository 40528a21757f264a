"""The browsers behind the push service: each has keys that follow from its token.

So nothing is to be set up or shared between processes: whoever knows the token can be this
browser. Opening a message is RFC 8291 and RFC 8188, read from the receiver's side.
"""

import base64
import hashlib
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SALT_BYTES, _SIZE_BYTES, _POINT_BYTES = 16, 4, 65
_HEAD_BYTES = _SALT_BYTES + _SIZE_BYTES + 1 + _POINT_BYTES

#: RFC 8188, 2: a smaller record holds nothing.
_SMALLEST_RECORD = 18

#: Browsers whose keys are remembered.
_REMEMBERED = 10_000


class UnreadableError(ValueError):
    """The browser cannot open it."""


class Browser(NamedTuple):
    """One browser's keys."""

    private: ec.EllipticCurvePrivateKey
    auth: bytes

    @property
    def public(self) -> bytes:
        """The point that senders get."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def open(self, body: bytes) -> bytes:
        """Return what a body says.

        Raises:
            UnreadableError: it is not for this browser, or not in the form of the RFC.
        """
        salt, size = body[:_SALT_BYTES], body[_SALT_BYTES : _SALT_BYTES + _SIZE_BYTES]
        record = int.from_bytes(size, "big")
        sealed = body[_HEAD_BYTES:]
        if body[20:21] != bytes([_POINT_BYTES]) or not _SMALLEST_RECORD <= len(sealed) <= record:
            raise UnreadableError("the header is not one of a single record")
        try:
            plain = self._open(salt, body[21:_HEAD_BYTES], sealed)
        except (InvalidTag, ValueError) as wrong:
            raise UnreadableError("not encrypted for this browser") from wrong
        text, mark, _ = plain.rstrip(b"\0").rpartition(b"\x02")
        if not mark:
            raise UnreadableError("the record has no end")
        return text

    def _open(self, salt: bytes, point: bytes, sealed: bytes) -> bytes:
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = self.private.exchange(ec.ECDH(), sender)
        secret = _derive(self.auth, b"WebPush: info\0" + self.public + point, shared, 32)
        key = _derive(salt, b"Content-Encoding: aes128gcm\0", secret, 16)
        nonce = _derive(salt, b"Content-Encoding: nonce\0", secret, 12)
        return AESGCM(key).decrypt(nonce, sealed, None)


@lru_cache(maxsize=_REMEMBERED)
def browser_of(token: str) -> Browser:
    """Return the browser that a token belongs to."""
    digest = hashlib.sha512(f"simulated browser {token}".encode()).digest()
    number = int.from_bytes(digest[:32], "big") >> 1  # below the order of the curve
    return Browser(ec.derive_private_key(number or 1, ec.SECP256R1()), digest[32:48])


def subscription(base_url: str, vendor: str, token: str) -> dict[str, object]:
    """Return what the page of a browser hands to its server: `PushSubscription.toJSON()`."""
    keys = browser_of(token)
    return {
        "endpoint": f"{base_url}/{vendor}/{token}",
        "expirationTime": None,
        "keys": {"p256dh": _encoded(keys.public), "auth": _encoded(keys.auth)},
    }


def _derive(salt: bytes, info: bytes, material: bytes, length: int) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info)
    return derivation.derive(material)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
