"""The FCM credential: a Google service account, or the identity that the machine itself has."""

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

#: Where a credential without a secret comes from, for people.
OF_THE_MACHINE = "the identity of the machine (Application Default Credentials); nothing is stored"

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

    With `project` in its place nothing secret is kept: workers sign in with Google's Application
    Default Credentials, as a workload identity or a metadata server gives them.

    Raises:
        BadCredential: one line that says what is wrong, without the secret.
    """

    service_account: Mapping[str, str] | None = field(default=None, repr=False)
    project: str | None = None
    url: str | None = None
    private_key: rsa.RSAPrivateKey | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.project is None:
            account = _checked(self.service_account)
            object.__setattr__(self, "service_account", MappingProxyType(account))
            # Kept, since a key is checked with each reading: 36 ms.
            object.__setattr__(self, "private_key", _read_key(account["private_key"]))
        elif self.service_account is not None:
            raise BadCredential(f"{_WHAT}: give either a service account or a project")
        elif not _PROJECT.fullmatch(self.project):
            raise BadCredential(f"{_WHAT}: the project id has a character that is not allowed")
        https_address(_WHAT, self.url or _URL)

    def __repr__(self) -> str:
        return f"FcmCredential(project_id={self.project_id!r}, url={self.url!r})"

    @classmethod
    def from_service_account_file(cls, path: str | Path, *, url: str | None = None) -> Self:
        """Read the JSON file that the Firebase console gives."""
        return cls.from_text(read_text("FCM service account", path), str(path), url=url)

    @classmethod
    def from_text(cls, text: str, where: str, *, url: str | None = None) -> Self:
        """Read what such a file holds; `where` names it in an error."""
        try:
            account = json.loads(text)
        except (ValueError, RecursionError):
            raise BadCredential(f"{_WHAT}: {where} is not JSON") from None
        return cls(service_account=account, url=url)

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read back what `to_json` gave."""
        account, project, url = map(stored.get, ("service_account", "project", "url"))
        known = project if isinstance(project, str) else None
        kept = account if isinstance(account, dict) else {}
        return cls(
            service_account=kept if known is None else None,
            project=known,
            url=url if isinstance(url, str) else None,
        )

    def to_json(self) -> dict[str, object]:
        """Return all of it, the secret included: only ever to be sealed."""
        if self.service_account is None:
            return {"project": self.project, "url": self.url}
        return {"service_account": dict(self.service_account), "url": self.url}

    @property
    def project_id(self) -> str:
        """The Firebase project whose devices can be reached."""
        return self.project or (self.service_account or {})["project_id"]

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
    return kept


def _read_key(pem: str) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredential(f"{_WHAT}: private_key is not a readable private key") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadCredential(f"{_WHAT}: private_key must be an RSA key")
    return key
