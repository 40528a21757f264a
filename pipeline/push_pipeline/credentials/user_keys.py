"""The keys that user tokens are checked with: read, and matched with an algorithm."""

from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from push_pipeline.errors import BadCredential

#: Bytes. RFC 7518, 3.2: a secret for HS256 is at least as long as the hash.
SECRET_MIN_BYTES = 32

#: What a key set is believed without being told: the two that identity providers use.
KEY_SET_ALGORITHMS = ("RS256", "ES256")

_BY_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def read_user_key(path: Path) -> tuple[str, str]:
    """Read a PEM public key or certificate, or else a shared secret; return it and its algorithm.

    Raises:
        BadCredential: the file cannot be read, or its key is not one to check tokens with.
    """
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadCredential(f"{path} cannot be read: {error}") from None
    if "PRIVATE KEY" in text:
        raise BadCredential(f"{path} is a private key: give the public one, it checks as well")
    if text.startswith("-----BEGIN"):
        return text, _algorithm(text, path)
    if len(text.encode()) < SECRET_MIN_BYTES:
        raise BadCredential(f"{path} holds a secret of less than {SECRET_MIN_BYTES} bytes")
    return text, "HS256"


def check_key_set_url(url: str) -> str:
    """Return the URL of a key set.

    Raises:
        BadCredential: who is between could change the keys: it is not https, nor this machine.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise BadCredential(f"{url} is not an https:// URL")
    return url


def _algorithm(pem: str, path: Path) -> str:
    key: object
    try:
        if "CERTIFICATE" in pem:
            key = load_pem_x509_certificate(pem.encode()).public_key()
        else:
            key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadCredential(f"{path} is no PEM public key or certificate") from None
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _BY_CURVE:
        return _BY_CURVE[key.curve.name]
    raise BadCredential(f"{path} has a key of a kind that signs no tokens")
