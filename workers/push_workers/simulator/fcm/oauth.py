"""Google's token endpoint: a signed assertion in, an access token out.

Rules of Google, "Using OAuth 2.0 for server to server applications", and RFC 7523. Access tokens
carry their own proof, so that every process of a simulator accepts what another one issued.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qs

import orjson

from push_workers.simulator import jws
from push_workers.simulator.messages import Answer, Request
from push_workers.simulator.world import World

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = frozenset(
    {
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    }
)
#: What Google's own client libraries write as audience, whatever the key file's token_uri says.
GOOGLES_AUDIENCE = "https://oauth2.googleapis.com/token"
#: An assertion may be valid for so long, in seconds.
ASSERTION_MAX_SECONDS = 3600
#: Clocks of client and Google may differ by so much, in seconds.
SKEW_SECONDS = 300

_HEADERS = (("content-type", "application/json; charset=utf-8"), ("cache-control", "private"))


class TokenEndpoint:
    """Issues access tokens and recognises them again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._account = world.identity.service_account()
        self._key = world.identity.account_public_key()
        self._secret = hashlib.sha256(self._account["private_key"].encode()).digest()
        self._known: dict[str, tuple[float, int]] = {}

    def grant(self, request: Request) -> Answer:
        """Answer one POST to the token endpoint."""
        self._world.tally.token_fetches += 1
        if self._world.behaviour.oauth_fault == "error":
            return _refusal("internal_failure", "Internal error", status=500)
        if request.method != "POST":
            return _refusal("invalid_request", "Only POST is allowed", status=405)
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if form.get("grant_type") != [GRANT_TYPE]:
            return _refusal("unsupported_grant_type", "Invalid grant_type")
        fault = self._assertion_fault("".join(form.get("assertion", [])))
        return fault or self._issue()

    def fault(self, header: str | None) -> str | None:
        """Return FCM's reason to refuse an authorization header, None if it is good."""
        scheme, _, token = (header or "").partition(" ")
        known = self._known.get(token) or self._recognise(token)
        if scheme.lower() != "bearer" or known is None:
            return "UNAUTHENTICATED"
        issued, lifetime = known
        revoked = issued < self._world.tokens_revoked_at
        if revoked or self._world.clock.age(issued) > lifetime:
            return "ACCESS_TOKEN_EXPIRED"
        return None

    def _assertion_fault(self, assertion: str) -> Answer | None:
        try:
            parsed = jws.parse(assertion)
        except jws.MalformedError:
            return _refusal("invalid_grant", "Bad Request")
        if parsed.claims.get("iss") != self._account["client_email"]:
            return _refusal("invalid_grant", "Invalid grant: account not found")
        kid = parsed.header.get("kid", self._account["private_key_id"])
        if kid != self._account["private_key_id"] or not jws.is_signed_by(parsed, self._key):
            return _refusal("invalid_grant", "Invalid JWT Signature.")
        return self._claims_fault(parsed.claims)

    def _claims_fault(self, claims: dict[str, Any]) -> Answer | None:
        own = self._world.identity.service_account()["token_uri"]
        if claims.get("aud") not in (own, GOOGLES_AUDIENCE):
            return _refusal("invalid_grant", "Invalid JWT: Failed audience check.")
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return _refusal("invalid_grant", "Invalid JWT: iat and exp must be numbers")
        now = self._world.clock.now()
        if issued > now + SKEW_SECONDS or expires < now - SKEW_SECONDS:
            return _refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        if expires - issued > ASSERTION_MAX_SECONDS:
            return _refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        if not SCOPES & set(str(claims.get("scope", "")).split()):
            return _refusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return None

    def _issue(self) -> Answer:
        lifetime = self._world.behaviour.oauth_expires_in_seconds
        issued = self._world.clock.now()
        claim = f"{issued!r} {lifetime} {secrets.token_hex(4)}".encode()
        mac = hmac.digest(self._secret, claim, "sha256")[:16]
        token = "ya29." + base64.urlsafe_b64encode(mac + claim).decode().rstrip("=")
        content = {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}
        return Answer(200, _HEADERS, orjson.dumps(content))

    def _recognise(self, token: str) -> tuple[float, int] | None:
        raw = token.removeprefix("ya29.")
        try:
            packed = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
        except (ValueError, binascii.Error):
            return None
        mac, claim = packed[:16], packed[16:]
        if not hmac.compare_digest(mac, hmac.digest(self._secret, claim, "sha256")[:16]):
            return None
        issued, lifetime, _ = claim.decode().split(" ")
        self._known[token] = known = (float(issued), int(lifetime))
        return known


def _refusal(error: str, text: str, *, status: int = 400) -> Answer:
    body = orjson.dumps({"error": error, "error_description": text})
    return Answer(status, _HEADERS, body, error)
