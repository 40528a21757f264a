"""Credentials at rest: sealed with a key that is derived from the installation's secret.

The secret may be a list of keys, the newest first: what is sealed gets the first one, what was
sealed with any of them is opened. So a key is replaced while all goes on.
"""

import base64
import json
from enum import Enum

from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from push_pipeline.credentials.apns import ApnsCredential
from push_pipeline.credentials.fcm import FcmCredential
from push_pipeline.credentials.webpush import WebPushCredential
from push_pipeline.errors import BadCredential, SettingsError
from push_pipeline.key_strength import SECRET_KEY_MIN_LENGTH

_PROVIDERS = {ApnsCredential: "apns", FcmCredential: "fcm", WebPushCredential: "webpush"}

Credential = ApnsCredential | FcmCredential | WebPushCredential

#: Binds the derived key to its one use (RFC 5869, "info").
_PURPOSE = b"push-pipeline credential seal 1"


class Standing(Enum):
    """Which key opens something that is sealed."""

    NEWEST = "the newest key"
    OLD = "an old key"
    LOST = "none of the keys"


def keys_in(secret: str) -> list[str]:
    """Return the keys of a secret, the newest first; what seals is the first of them.

    They are separated by commas. A comma may be part of a key as well: it separates only where
    both sides are long enough, and what follows it may be one key or several.
    """
    first, _, rest = (part.strip() for part in secret.partition(","))
    if min(len(first), len(rest)) < SECRET_KEY_MIN_LENGTH:
        return [secret]
    return [first, *dict.fromkeys((*keys_in(rest), rest))]


def standing(secret_key: str, sealed: bytes) -> Standing:
    """Tell which key opens something that is sealed."""
    newest, *older = _fernets(secret_key)
    if _opens(newest, sealed):
        return Standing.NEWEST
    return Standing.OLD if any(_opens(one, sealed) for one in older) else Standing.LOST


def reseal(secret_key: str, sealed: bytes) -> bytes:
    """Seal anew, with the newest key, what any of the keys opens.

    Raises:
        BadCredential: none of them does.
    """
    try:
        return MultiFernet(_fernets(secret_key)).rotate(sealed)
    except InvalidToken:
        raise _lost("value") from None


def seal(secret_key: str, credential: Credential, origin: str | None = None) -> bytes:
    """Encrypt and authenticate a credential. Sealing twice gives different bytes.

    The secret may have any length, but its strength is the seal's: give it at least 32 random
    bytes, for the derivation (HKDF, RFC 5869) does not slow a guesser down. `origin` says where
    it was read, for people.
    """
    provider = _PROVIDERS[type(credential)]
    return MultiFernet(_fernets(secret_key)).encrypt(
        json.dumps(
            {"provider": provider, "credential": credential.to_json(), "origin": origin}
        ).encode()
    )


def unseal(secret_key: str, sealed: bytes) -> Credential:
    """Decrypt a credential.

    Raises:
        BadCredential: when it was sealed with another secret, was changed, or is one that
            cannot be used any more (a certificate that has expired).
    """
    stored = json.loads(_decrypt("credential", secret_key, sealed))
    if stored["provider"] == "apns":
        return ApnsCredential.from_json(stored["credential"])
    if stored["provider"] == "webpush":
        return WebPushCredential.from_json(stored["credential"])
    return FcmCredential.from_json(stored["credential"])


def origin_of(secret_key: str, sealed: bytes) -> str | None:
    """Say where a sealed credential was read; None where its release did not note it.

    Raises:
        BadCredential: as `unseal`.
    """
    origin: str | None = json.loads(_decrypt("credential", secret_key, sealed)).get("origin")
    return origin


def certificate_end(secret_key: str, sealed: bytes) -> float | None:
    """Return when the certificate of a credential ends, or ended, in seconds of the epoch.

    None for a key, which has no end.

    Raises:
        BadCredential: it was sealed with another secret, or was changed.
    """
    stored = json.loads(_decrypt("credential", secret_key, sealed))
    pem = stored["credential"].get("certificate_pem")
    if pem is None:
        return None
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()


def seal_text(secret_key: str, text: str) -> bytes:
    """Encrypt and authenticate a text, such as the key that user tokens are checked with."""
    return MultiFernet(_fernets(secret_key)).encrypt(text.encode())


def unseal_text(secret_key: str, sealed: bytes) -> str:
    """Decrypt what `seal_text` sealed.

    Raises:
        BadCredential: it was sealed with another secret, or was changed.
    """
    return _decrypt("key", secret_key, sealed).decode()


def _decrypt(what: str, secret_key: str, sealed: bytes) -> bytes:
    try:
        return MultiFernet(_fernets(secret_key)).decrypt(sealed)
    except InvalidToken:
        raise _lost(what) from None


def _lost(what: str) -> BadCredential:
    return BadCredential(
        f"the {what} cannot be unsealed: it was sealed with another PIPELINE_SECRET_KEY"
    )


def _opens(fernet: Fernet, sealed: bytes) -> bool:
    try:
        fernet.decrypt(sealed)
    except InvalidToken:
        return False
    return True


def _fernets(secret: str) -> list[Fernet]:
    if not secret:
        raise SettingsError("PIPELINE_SECRET_KEY is empty: set it to at least 32 random characters")
    # Last the text as it is: before there were lists, a comma was a character as any other.
    return [_fernet(key) for key in dict.fromkeys([*keys_in(secret), secret])]


def _fernet(secret: str) -> Fernet:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return Fernet(base64.urlsafe_b64encode(derivation.derive(secret.encode())))
