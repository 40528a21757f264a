"""What a push service checks of a request: RFC 8030 and RFC 8292, as strictly as the strictest."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from push_workers.simulator import jws

#: RFC 8030, 7.2: this much of a body is taken by everybody. Bytes.
BODY_BYTES = 4096

#: RFC 8292, 2: a token lives for a day at the most. Seconds.
_DAY = 86_400

_URGENCIES = frozenset((None, "very-low", "low", "normal", "high"))

#: Apple is said to take these alone.
_TOPIC = re.compile(r"[A-Za-z0-9]{1,32}")

_VAPID = re.compile(r"vapid\s+t=([^,\s]+)\s*,\s*k=([A-Za-z0-9_-]+)", re.IGNORECASE)

_MAIL = re.compile(r"mailto:[^\s@<>:]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")

#: Seconds that a message is kept at the most, whatever is asked for.
LONGEST_TTL = 2_419_200


def public_key(header: str | None, audiences: Collection[str], now: float) -> str | None:
    """Return the key that signed a request; None where no push service would believe it."""
    found = _VAPID.fullmatch(header or "")
    if found is None:
        return None
    token, key = found.groups()
    try:
        raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        signed = jws.parse(token)
    except (ValueError, binascii.Error):
        return None
    claims = signed.claims
    ends = claims.get("exp")
    sound = (
        type(ends) is int
        and now < ends <= now + _DAY
        and claims.get("aud") in audiences
        and _is_reachable(claims.get("sub"))
        and jws.is_signed_by(signed, point)
    )
    return key if sound else None


def header_fault(vendor: str, headers: Mapping[str, str]) -> str | None:
    """Check what a request says beside its body."""
    ttl = headers.get("ttl")
    if ttl is None:
        return "NoTtl"
    if not (ttl.isascii() and ttl.isdigit()):
        return "BadTtl"
    if headers.get("urgency") not in _URGENCIES:
        return "BadUrgency"
    if not _TOPIC.fullmatch(headers.get("topic", "x")):
        return "BadTopic"
    policy = headers.get("x-wns-cache-policy")
    usual = "no-cache" if int(ttl) == 0 else "cache"
    if vendor == "microsoft" and policy not in (None, usual):
        return "BadCachePolicy"
    return None if headers.get("content-encoding") == "aes128gcm" else "BadEncryption"


def _is_reachable(subject: object) -> bool:
    """Tell whether somebody could be written to there; Apple looks at this closely."""
    if not isinstance(subject, str) or subject.endswith((".invalid", ".local", "@localhost")):
        return False
    if _MAIL.fullmatch(subject):
        return True
    parts = urlsplit(subject)
    return parts.scheme == "https" and "." in (parts.hostname or "")
