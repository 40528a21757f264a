"""A browser's push subscription (W3C Push API): read, checked, and where it may be pushed to.

An endpoint is a URL that a stranger chose and a capability at once: whoever has it can push. So
it is taken only to push services that the operator allows, and never shown.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import VENDOR_OF_HOST, Vendor

#: Characters. Seen are up to some 500; with the keys it fits into an index entry of PostgreSQL.
ENDPOINT_MAX = 2000

#: Bytes of an uncompressed point on P-256, and of the shared secret (RFC 8291, 3.1 and 3.2).
_POINT_BYTES, _SECRET_BYTES = 65, 16

_HTTPS_PORT = 443

#: Visible ASCII without the quotes, backslash and brackets that no URL has unescaped, and
#: without "#": what follows it is not sent.
_URL = re.compile(r"https://[!$-;=?-\[\]_a-z~]+")

#: A name of two labels or more; the last begins with a letter, which no address's does.
_LABELS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")

_NAT64 = IPv6Network("64:ff9b::/96")


class Origin(NamedTuple):
    """A push service as a connection and a signature name it."""

    host: str
    port: int = _HTTPS_PORT

    def __str__(self) -> str:
        suffix = "" if self.port == _HTTPS_PORT else f":{self.port}"
        return f"https://{self.host}{suffix}"

    @property
    def vendor(self) -> Vendor:
        """Who runs it."""
        found = (vendor for hosts, vendor in VENDOR_OF_HOST.items() if _covers(hosts, self))
        return next(found, Vendor.OTHER)

    def is_allowed(self, hosts: Sequence[str]) -> bool:
        """Tell whether one of the hosts covers it.

        `push.example.com` is that host, `*.example.com` are those below it, `*` are all: each at
        port 443. `127.0.0.1:8443` is that host and port.
        """
        return any(_covers(one, self) for one in hosts)

    def is_trusted(self, hosts: Sequence[str]) -> bool:
        """Tell whether it is named with its port: then its address may be a private one."""
        return f"{self.host}:{self.port}" in hosts


class Subscription(NamedTuple):
    """Where a browser is reached, and the keys that only it can open a message with."""

    endpoint: str
    p256dh: bytes
    auth: bytes

    def __repr__(self) -> str:
        return f"Subscription(origin={str(self.origin)!r})"

    @property
    def origin(self) -> Origin:
        """The push service that it is at."""
        return _origin_of(self.endpoint.removeprefix("https://").partition("/")[0])

    @property
    def path(self) -> str:
        """What a request names: path and query."""
        _, _, rest = self.endpoint.removeprefix("https://").partition("/")
        return f"/{rest}"

    @property
    def token(self) -> str:
        """The whole of it as one text, as a device's token is kept."""
        return f"{self.endpoint}#{encoded(self.p256dh)}.{encoded(self.auth)}"

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Read back what `token` gave.

        Raises:
            ValueError: it is none.
        """
        endpoint, _, keys = token.partition("#")
        p256dh, _, auth = keys.partition(".")
        return cls(endpoint, decoded(p256dh), decoded(auth))


def read_subscription(value: object, hosts: Sequence[str]) -> Subscription:
    """Check what `PushSubscription.toJSON()` gave, for the push services that are allowed.

    Raises:
        InvalidParameter: it is no subscription, or one at a push service that is not allowed.
    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(keys, Mapping):
        raise InvalidParameter("a subscription is an object with endpoint and keys")
    found = Subscription(
        check_endpoint(value.get("endpoint"), hosts),
        _key("keys.p256dh", keys.get("p256dh"), _POINT_BYTES),
        _key("keys.auth", keys.get("auth"), _SECRET_BYTES),
    )
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), found.p256dh)
    except ValueError:
        raise InvalidParameter("keys.p256dh is no point on the curve P-256") from None
    return found


def check_endpoint(value: object, hosts: Sequence[str]) -> str:
    """Return an endpoint that may be pushed to.

    Raises:
        InvalidParameter: it is no https URL of a host, or that host is not allowed.
    """
    if not isinstance(value, str) or len(value) > ENDPOINT_MAX:
        raise InvalidParameter(f"endpoint must be a URL of at most {ENDPOINT_MAX} characters")
    parts = _split(value)
    if parts is None or not _URL.fullmatch(value) or "@" in parts.netloc:
        raise InvalidParameter("endpoint must be an https:// URL without user name or fragment")
    origin = Origin(parts.hostname or "", parts.port or _HTTPS_PORT)
    if not origin.is_trusted(hosts) and not _LABELS.fullmatch(origin.host):
        raise InvalidParameter("endpoint must name a host, not an address")
    if not origin.is_allowed(hosts):
        raise InvalidParameter(f"endpoint: {str(origin)!r} is not allowed (PIPELINE_WEBPUSH_HOSTS)")
    return value


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public Internet, also behind a translation to IPv4."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(found)
    return found.is_global and not found.is_multicast if inner is None else is_public(str(inner))


def encoded(raw: bytes) -> str:
    """Return base64url without padding, as all of Web Push has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read base64url, with its padding or without.

    Raises:
        ValueError: it is none.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the address of IPv4 that one of IPv6 stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _key(name: str, value: object, length: int) -> bytes:
    try:
        raw = decoded(value) if isinstance(value, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise InvalidParameter(f"{name} must be {length} bytes in base64url")
    return raw


def _covers(hosts: str, origin: Origin) -> bool:
    if ":" in hosts:
        return hosts == f"{origin.host}:{origin.port}"
    if origin.port != _HTTPS_PORT:
        return False
    if hosts.startswith("*"):
        return origin.host.endswith(hosts[1:])
    return origin.host == hosts


@lru_cache(maxsize=4096)
def _origin_of(authority: str) -> Origin:
    """Read host and port; a batch has few of them.

    Raises:
        ValueError: they are malformed.
    """
    parts = urlsplit(f"https://{authority}")
    return Origin(parts.hostname or "", parts.port or _HTTPS_PORT)


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; None where it, or its port, is malformed."""
    try:
        parts = urlsplit(url)
        known = parts.port != 0
    except ValueError:
        return None
    return parts if known else None
