"""The FCM credential: a Google service account."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from push_pipeline.credentials.files import https_address, read_text
from push_pipeline.errors import BadCredential

_WHAT = "FCM credential"

#: Firebase: "Send a message using FCM HTTP v1 API".
_URL = "https://fcm.googleapis.com"

#: What signing in needs of the file (Google: "Using OAuth 2.0 for server to server
#: applications").
_NEEDED = ("project_id", "client_email", "private_key", "token_uri")

#: A project id or number stands in the path of every request.
_PROJECT = re.compile(r"[A-Za-z0-9:.-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FcmCredential:
    """One Firebase project's service account. `url` stands in for Google's address.

    Raises:
        BadCredential: one line that says what is wrong, without the secret.
    """

    service_account: Mapping[str, str] = field(repr=False)
    url: str | None = None

    def __post_init__(self) -> None:
        account = _checked(self.service_account)
        object.__setattr__(self, "service_account", MappingProxyType(account))
        https_address(_WHAT, self.url or _URL)

    def __repr__(self) -> str:
        return f"FcmCredential(project_id={self.project_id!r}, url={self.url!r})"

    @classmethod
    def from_service_account_file(cls, path: str | Path, *, url: str | None = None) -> Self:
        """Read the JSON file that the Firebase console gives."""
        text = read_text("FCM service account", path)
        try:
            account = json.loads(text)
        except (ValueError, RecursionError):
            raise BadCredential(f"{_WHAT}: {path} is not JSON") from None
        return cls(service_account=account, url=url)

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read back what `to_json` gave."""
        account, url = stored.get("service_account"), stored.get("url")
        return cls(
            service_account=account if isinstance(account, dict) else {},
            url=url if isinstance(url, str) else None,
        )

    def to_json(self) -> dict[str, object]:
        """Return all of it, the secret included: only ever to be sealed."""
        return {"service_account": dict(self.service_account), "url": self.url}

    @property
    def project_id(self) -> str:
        """The Firebase project whose devices can be reached."""
        return self.service_account["project_id"]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return https_address(_WHAT, self.url or _URL)


def _checked(account: object) -> dict[str, str]:
    if not isinstance(account, Mapping) or account.get("type") != "service_account":
        raise BadCredential(
            f"{_WHAT}: the file is no service account (type is not service_account)"
        )
    kept = {name: value for name, value in account.items() if isinstance(value, str)}
    missing = [name for name in _NEEDED if not kept.get(name)]
    if missing:
        raise BadCredential(f"{_WHAT}: the service account lacks {', '.join(missing)}")
    if not _PROJECT.fullmatch(kept["project_id"]):
        raise BadCredential(f"{_WHAT}: the project id has a character that is not allowed")
    if not kept["token_uri"].startswith("https://"):
        raise BadCredential(f"{_WHAT}: token_uri must be an https URL")
    _check_key(kept["private_key"])
    return kept


def _check_key(pem: str) -> None:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredential(f"{_WHAT}: private_key is not a readable private key") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadCredential(f"{_WHAT}: private_key must be an RSA key")
