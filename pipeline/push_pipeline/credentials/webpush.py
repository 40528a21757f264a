"""The Web Push credential: the key pair that identifies an app to push services (RFC 8292)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from push_pipeline.credentials.files import with_line_breaks
from push_pipeline.errors import BadCredential
from push_pipeline.web_push import encoded

_WHAT = "Web Push credential"

#: An address of mail whose domain has a dot.
_MAIL = re.compile(r"mailto:[^\s@<>:,]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")

#: What Apple refuses: a name that nobody outside can reach (RFC 2606 and RFC 6762).
_NOWHERE = (".invalid", ".local", ".localhost", ".test", ".example")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushCredential:
    """One app's key pair, and whom a push service writes to if something is wrong with its pushes.

    A browser's subscription is bound to the public key for life: with another key every page has
    to subscribe anew.

    Raises:
        BadCredential: one line that says what is wrong, without the secret.
    """

    key_pem: str = field(repr=False)
    subject: str

    def __post_init__(self) -> None:
        self.private_key()
        if not is_reachable(self.subject):
            raise BadCredential(
                f"{_WHAT}: the subject must be mailto:name@your.domain or https://your.domain"
            )

    @classmethod
    def generate(cls, subject: str) -> Self:
        """Make a new key pair."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(key_pem=pem.decode(), subject=subject)

    @classmethod
    def from_text(cls, pem: str, subject: str) -> Self:
        """Read a PEM that holds the private key, as other servers have made it."""
        return cls(key_pem=with_line_breaks(pem), subject=subject)

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Self:
        """Read back what `to_json` gave."""
        return cls(key_pem=stored["key_pem"], subject=stored["subject"])

    def to_json(self) -> dict[str, object]:
        """Return all of it, the secret included: only ever to be sealed."""
        return {"key_pem": self.key_pem, "subject": self.subject}

    @property
    def public_key(self) -> str:
        """What a page subscribes with: its `applicationServerKey`."""
        public = self.private_key().public_key()
        return encoded(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """Read the key.

        Raises:
            BadCredential: it is not an unencrypted EC key on P-256, the one that ES256 needs.
        """
        try:
            key = load_pem_private_key(self.key_pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadCredential(f"{_WHAT}: the file holds no readable private key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise BadCredential(f"{_WHAT}: the key must be an EC key on the curve P-256")
        return key


def is_reachable(subject: str) -> bool:
    """Tell whether a subject is one that every push service takes; Apple is the strictest."""
    mail = _MAIL.fullmatch(subject)
    if mail is not None:
        return _is_public_name(mail[1])
    try:
        parts = urlsplit(subject)
    except ValueError:
        return False
    odd = subject != subject.strip() or set(subject) & set(" <>")
    return parts.scheme == "https" and not odd and _is_public_name(parts.hostname or "")


def _is_public_name(name: str) -> bool:
    return "." in name.strip(".") and not name.lower().endswith(_NOWHERE)
