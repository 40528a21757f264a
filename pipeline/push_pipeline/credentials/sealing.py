"""Credentials at rest: sealed with a key that is derived from the installation's secret."""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from push_pipeline.credentials.apns import ApnsCredential
from push_pipeline.credentials.fcm import FcmCredential
from push_pipeline.errors import BadCredential, SettingsError

Credential = ApnsCredential | FcmCredential

#: Binds the derived key to its one use (RFC 5869, "info").
_PURPOSE = b"push-pipeline credential seal 1"


def seal(secret_key: str, credential: Credential) -> bytes:
    """Encrypt and authenticate a credential. Sealing twice gives different bytes.

    The secret may have any length, but its strength is the seal's: give it at least 32 random
    bytes, for the derivation (HKDF, RFC 5869) does not slow a guesser down.
    """
    provider = "apns" if isinstance(credential, ApnsCredential) else "fcm"
    return _fernet(secret_key).encrypt(
        json.dumps({"provider": provider, "credential": credential.to_json()}).encode()
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
    return FcmCredential.from_json(stored["credential"])


def seal_text(secret_key: str, text: str) -> bytes:
    """Encrypt and authenticate a text, such as the key that user tokens are checked with."""
    return _fernet(secret_key).encrypt(text.encode())


def unseal_text(secret_key: str, sealed: bytes) -> str:
    """Decrypt what `seal_text` sealed.

    Raises:
        BadCredential: it was sealed with another secret, or was changed.
    """
    return _decrypt("key", secret_key, sealed).decode()


def _decrypt(what: str, secret_key: str, sealed: bytes) -> bytes:
    try:
        return _fernet(secret_key).decrypt(sealed)
    except InvalidToken:
        raise BadCredential(
            f"the {what} cannot be unsealed: it was sealed with another PIPELINE_SECRET_KEY"
        ) from None


def _fernet(secret: str) -> Fernet:
    if not secret:
        raise SettingsError("PIPELINE_SECRET_KEY is empty: set it to at least 32 random characters")
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return Fernet(base64.urlsafe_b64encode(derivation.derive(secret.encode())))
