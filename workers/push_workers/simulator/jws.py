"""Reading signed JSON tokens (RFC 7515, compact form): ES256 for APNs, RS256 for OAuth."""

import base64
import binascii
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

#: An ES256 signature is r and s, 32 bytes each (RFC 7518, section 3.4).
_ES256_BYTES = 64


class MalformedError(ValueError):
    """Not a token in compact form, or not JSON inside."""


class Signed(NamedTuple):
    """A token taken apart, its signature not checked yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(token: str) -> Signed:
    """Take a token apart.

    Raises:
        MalformedError: it has not three parts of base64url with JSON objects in the first two.
    """
    try:
        head, body, signature = token.encode("ascii").split(b".")
        header, claims = orjson.loads(_decode(head)), orjson.loads(_decode(body))
        raw = _decode(signature)
    except (ValueError, binascii.Error) as error:
        raise MalformedError("not a signed token") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise MalformedError("header and claims must be objects")
    return Signed(header, claims, head + b"." + body, raw)


def is_signed_by(token: Signed, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bool:
    """Check the signature with the algorithm that fits the key."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(token.signature, token.signed, padding.PKCS1v15(), hashes.SHA256())
            return token.header.get("alg") == "RS256"
        if len(token.signature) != _ES256_BYTES:
            return False
        r, s = (int.from_bytes(token.signature[at : at + 32]) for at in (0, 32))
        key.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return token.header.get("alg") == "ES256"


def _decode(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
