"""Message encryption for Web Push: `aes128gcm` (RFC 8188) with the keys of RFC 8291. Pure.

Each message has a sender key and a salt of its own, as RFC 8291, 3.1 asks. That costs an exchange
of keys on a curve for each: some 80 microseconds, 12,000 messages a second and core. One key for
a batch would save a quarter; the messages of a batch would then be secret or open together.
"""

import hmac
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: A push service takes at least this much of a body (RFC 8030, 7.2). Bytes.
BODY_BYTES = 4096

_SALT_BYTES = 16
_POINT_BYTES = 65
_TAG_BYTES = 16

#: What encryption adds: the header, the end of the record, and the tag. Bytes.
OVERHEAD = _SALT_BYTES + 4 + 1 + _POINT_BYTES + 1 + _TAG_BYTES

#: The longest message. Bytes.
PLAIN_BYTES = BODY_BYTES - OVERHEAD

#: The size of a record, which holds all of the message, and the length of the key id, which is
#: the sender's public key.
_HEAD = BODY_BYTES.to_bytes(4, "big") + bytes([_POINT_BYTES])

#: Ends the only record (RFC 8188, 2).
_LAST = b"\x02"

_CURVE = ec.SECP256R1()

_IKM_INFO = b"WebPush: info\0"
_KEY_INFO = b"Content-Encoding: aes128gcm\0\x01"
_NONCE_INFO = b"Content-Encoding: nonce\0\x01"


def encrypt(plain: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """Encrypt a message for one subscription.

    Raises:
        ValueError: its key is no point on the curve, or the message is too long.
    """
    return encrypt_with(
        ec.generate_private_key(_CURVE), os.urandom(_SALT_BYTES), plain, p256dh, auth
    )


def encrypt_with(
    sender: ec.EllipticCurvePrivateKey, salt: bytes, plain: bytes, p256dh: bytes, auth: bytes
) -> bytes:
    """Encrypt with a given sender key and salt, which must never come together a second time.

    Raises:
        ValueError: as `encrypt`.
    """
    if len(plain) > PLAIN_BYTES:
        raise ValueError(f"the message has more than {PLAIN_BYTES} bytes")
    browser = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    shared = sender.exchange(ec.ECDH(), browser)
    public = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = _hkdf(auth, shared, b"".join((_IKM_INFO, p256dh, public, b"\x01")))
    pseudorandom = hmac.digest(salt, secret, "sha256")
    key = hmac.digest(pseudorandom, _KEY_INFO, "sha256")[:16]
    nonce = hmac.digest(pseudorandom, _NONCE_INFO, "sha256")[:12]
    return b"".join((salt, _HEAD, public, AESGCM(key).encrypt(nonce, plain + _LAST, None)))


def _hkdf(salt: bytes, material: bytes, info: bytes) -> bytes:
    """Derive 32 bytes (RFC 5869); `info` ends with the counter of the one block."""
    return hmac.digest(hmac.digest(salt, material, "sha256"), info, "sha256")
