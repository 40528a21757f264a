"""The APNs credential: a p8 signing key, or a certificate with its private key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from push_pipeline.credentials.files import https_address, read_text, with_line_breaks
from push_pipeline.errors import BadCredential
from push_pipeline.push_type import LIVE_ACTIVITY_SUFFIX, PUSH_TYPES

_WHAT = "APNs credential"

#: Apple: "Establishing a token-based connection to APNs": key id and team id have ten
#: characters.
_TEN = re.compile(r"[A-Z0-9]{10}")

#: A bundle id (letters, digits, hyphen, full stop), or a certificate's UID.
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")


#: How a topic ends that is no bundle id. One may end with `.voip` or `.complication`.
_ENDINGS = tuple(
    suffix
    for suffix in (LIVE_ACTIVITY_SUFFIX, *(one.suffix for one in PUSH_TYPES.values()))
    if suffix not in (".voip", ".complication")
)


class Environment(StrEnum):
    """Which of Apple's two services a token belongs to."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


#: Apple: "Sending notification requests to APNs".
_URLS = {
    Environment.PRODUCTION: "https://api.push.apple.com",
    Environment.SANDBOX: "https://api.sandbox.push.apple.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsCredential:
    """One app's way into APNs: a key with its ids, or a certificate; never both.

    `mac_topic` is the bundle id of the macOS app where it differs from `topic`. `url` stands in
    for Apple's address. Checked at birth: a credential that exists can be used.

    Raises:
        BadCredential: one line that says what is wrong, without the secret.
    """

    topic: str
    environment: Environment = Environment.PRODUCTION
    key_pem: str | None = field(default=None, repr=False)
    key_id: str | None = None
    team_id: str | None = None
    certificate_pem: str | None = field(default=None, repr=False)
    mac_topic: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", _environment(self.environment))
        _check_topics(self.topic, self.mac_topic)
        https_address(_WHAT, self.url or _URLS[self.environment])
        if (self.key_pem is None) == (self.certificate_pem is None):
            raise BadCredential(f"{_WHAT}: give either a p8 key or a certificate")
        if self.key_pem is not None:
            _check_ids(self.key_id, self.team_id)
            signing_key(self.key_pem)
        if self.certificate_pem is not None:
            _check_certificate(self.certificate_pem)

    @classmethod
    def from_key_file(
        cls, path: str | Path, *, key_id: str, team_id: str, topic: str, **others: str | None
    ) -> Self:
        """Read a p8 file. `others`: environment, mac_topic, url."""
        pem = read_text("APNs key", path)
        return cls.from_text(pem, key_id=key_id, team_id=team_id, topic=topic, **others)

    @classmethod
    def from_certificate_file(cls, path: str | Path, *, topic: str, **others: str | None) -> Self:
        """Read a PEM file with certificate and private key. `others` as above."""
        return cls._build(
            certificate_pem=read_text("APNs certificate", path), topic=topic, **others
        )

    @classmethod
    def from_text(cls, pem: str, *, topic: str, **others: str | None) -> Self:
        """Read what such a file holds: a p8 key, or a certificate with its private key.

        `others` as above, and `key_id` and `team_id`, which a certificate has no use for.
        """
        text = with_line_breaks(pem)
        if "BEGIN CERTIFICATE" in text:
            return cls._build(certificate_pem=text, topic=topic, **others)
        return cls._build(key_pem=text, topic=topic, **others)

    @classmethod
    def from_json(cls, stored: Mapping[str, str | None]) -> Self:
        """Read back what `to_json` gave."""
        return cls._build(**stored)

    def to_json(self) -> dict[str, str | None]:
        """Return all of it, the secret included: only ever to be sealed."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return https_address(_WHAT, self.url or _URLS[self.environment])

    @classmethod
    def _build(cls, **values: str | None) -> Self:
        try:
            return cls(**{name: value for name, value in values.items() if value is not None})  # type: ignore[arg-type]  # __post_init__ checks each
        except TypeError:
            raise BadCredential(f"{_WHAT}: a value is missing or has an unknown name") from None


def signing_key(key_pem: str) -> ec.EllipticCurvePrivateKey:
    """Read the p8 key.

    Raises:
        BadCredential: when it is not an unencrypted EC key on P-256, the one that ES256 needs.
    """
    try:
        key = load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredential(f"{_WHAT}: the p8 file holds no readable private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise BadCredential(f"{_WHAT}: the p8 key must be an EC key on the curve P-256")
    return key


def _environment(name: str) -> Environment:
    try:
        return Environment(name)
    except ValueError:
        raise BadCredential(f"{_WHAT}: the environment must be production or sandbox") from None


def _check_topics(topic: str, mac_topic: str | None) -> None:
    if not _TOPIC.fullmatch(topic) or not _TOPIC.fullmatch(mac_topic or topic):
        raise BadCredential(f"{_WHAT}: the topic must be a bundle id such as com.example.app")
    for one in (topic, mac_topic or topic):
        if one.endswith(_ENDINGS):
            raise BadCredential(
                f"{_WHAT}: the topic must be a bundle id, without what a push type adds to it"
            )


def _check_ids(key_id: str | None, team_id: str | None) -> None:
    for name, value in (("key id", key_id), ("team id", team_id)):
        if not _TEN.fullmatch(value or ""):
            raise BadCredential(f"{_WHAT}: the {name} must be ten capital letters or digits")


def _check_certificate(pem: str) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise BadCredential(f"{_WHAT}: the file holds no readable certificate") from None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredential(f"{_WHAT}: the certificate's file lacks its private key") from None
    if key.public_key() != certificate.public_key():
        raise BadCredential(f"{_WHAT}: the private key is of another certificate")
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        ended = certificate.not_valid_after_utc.date().isoformat()
        raise BadCredential(f"{_WHAT}: the certificate expired on {ended}")
