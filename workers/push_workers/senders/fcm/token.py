"""The access token of FCM: one per credential and process, renewed before it ends.

Google, "Using OAuth 2.0 for server to server applications". A token lives an hour. It is
renewed five minutes early; while that fails the old one is used until it really ends.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Any

import google.auth
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from google.auth.credentials import DEFAULT_UNIVERSE_DOMAIN, with_scopes_if_required
from google.auth.crypt import RSASigner
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    OAuthError,
    RefreshError,
    TransportError,
)
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials
from requests.adapters import HTTPAdapter

from push_pipeline.credentials import FcmCredential
from push_pipeline.outcome import Outcome, Verdict
from push_pipeline.trust import shared_trust
from push_workers.senders.answers import held, json_object, word

_SCOPES = ("https://www.googleapis.com/auth/firebase.messaging",)

#: How long before its end a token is renewed. Seconds; at most half of its life.
EARLY_SECONDS = 300.0

#: How long the token endpoint may take, and how long a failure is remembered, in seconds: a
#: dead endpoint must not cost every batch its time-out.
ANSWER_SECONDS = 10.0
REST_SECONDS = 5.0

#: How long a token lives if its grant does not say, and the longest life that is believed.
_USUAL_SECONDS = 3600
_LONGEST_SECONDS = 86_400

#: Statuses of a refusal (RFC 6749, 5.2), and of a token_uri that leads nowhere. The
#: description that comes with them may hold an e-mail address, so only the word is kept.
_REFUSALS = frozenset((400, 401, 403, 404, 405))

#: How google-auth tells that an exchange of tokens was refused; these words are no refusal.
_EXCHANGE_REFUSED = re.compile(r"Error code ([a-z_]{1,40})")
_PASSING = frozenset(("server_error", "temporarily_unavailable", "internal_failure"))

#: What may stand in an Authorization header (RFC 6750, 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")

#: Nobody signed in, so no request left us.
UNAVAILABLE = Verdict(Outcome.UNAVAILABLE, "OAuthUnavailable", answered=False)
UNTRUSTED = UNAVAILABLE._replace(reason="OAuthTlsFailed")


class AccessTokens:
    """Signs in with a service account and keeps the token. Several threads may ask."""

    def __init__(
        self,
        credential: FcmCredential,
        *,
        ca_file: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint: MachinesEndpoint | TokenEndpoint
        self._credentials: Any = None
        if credential.service_account is None:
            self._endpoint = MachinesEndpoint(_session(ca_file))
        else:
            self._endpoint = TokenEndpoint(_session(ca_file))
            self._credentials = _sign_in_with(credential.service_account, credential.private_key)
        self._clock = clock
        self._one_flight = threading.Lock()
        self._token: bytes | None = None
        self._ends_at = self._renew_at = self._rest_until = 0.0
        self._failure = UNAVAILABLE

    def bearer(self) -> bytes | Verdict:
        """Return a token that is good now, or the verdict on everything that needs one."""
        with self._one_flight:
            now = self._clock()
            if now >= self._renew_at and now >= self._rest_until:
                self._renew(now)
            good = self._token is not None and now < self._ends_at
            return self._token if good and self._token else self._failure

    def refuse(self, token: bytes) -> None:
        """Forget a token that FCM did not take, unless it was replaced meanwhile."""
        with self._one_flight:
            if self._token == token:
                self._token, self._renew_at, self._rest_until = None, 0.0, 0.0

    def close(self) -> None:
        """Close the connection to the token endpoint. A second call does nothing."""
        self._endpoint.session.close()

    def _renew(self, now: float) -> None:
        try:
            if self._credentials is None and isinstance(self._endpoint, MachinesEndpoint):
                self._credentials = self._endpoint.identity()
            self._credentials.refresh(self._endpoint)
        except (RefreshError, OAuthError, DefaultCredentialsError) as error:
            self._failure, self._rest_until = self._endpoint.refused(error), now + REST_SECONDS
        except (GoogleAuthError, requests.RequestException) as error:
            untrusted = isinstance(error.__cause__ or error, requests.exceptions.SSLError)
            self._failure = UNTRUSTED if untrusted else UNAVAILABLE
            self._rest_until = now + REST_SECONDS
        else:
            life = _life_seconds(self._credentials.expiry)
            self._token = str(self._credentials.token).encode()
            self._ends_at = now + life
            self._renew_at = self._ends_at - min(EARLY_SECONDS, life / 2)


def _sign_in_with(account: Mapping[str, str], key: RSAPrivateKey | None) -> Credentials:
    return Credentials(  # type: ignore[no-untyped-call]  # google-auth
        RSASigner(key, account.get("private_key_id")),  # type: ignore[no-untyped-call]  # google-auth
        account["client_email"],
        account["token_uri"],
        scopes=_SCOPES,
        project_id=account["project_id"],
        universe_domain=account.get("universe_domain", DEFAULT_UNIVERSE_DOMAIN),
    )


def _session(ca_file: str | None) -> requests.Session:
    session = requests.Session()
    session.max_redirects = 0
    session.mount("https://", _TrustingAdapter(ca_file))
    return session


class MachinesEndpoint(Request):
    """Asks whatever gives the machine its identity: a metadata server, or an exchange of tokens.

    Each of them has calls and answers of its own, which google-auth knows.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Ask, within our patience."""
        return super().__call__(*args, **{**options, "timeout": ANSWER_SECONDS})  # type: ignore[no-untyped-call]  # google-auth

    def identity(self) -> Any:
        """Find the machine's credentials.

        Raises:
            DefaultCredentialsError: it has none.
        """
        # Scopes come after: with them google-auth asks an interface of Google's for the project.
        credentials, _ = google.auth.default(request=self)
        return with_scopes_if_required(credentials, _SCOPES)  # type: ignore[no-untyped-call]  # google-auth

    def refused(self, error: GoogleAuthError) -> Verdict:
        """Judge a machine without an identity, or with one that gets no token.

        What is said of it may name accounts and files, so that ours stands in its place.
        """
        if isinstance(error, DefaultCredentialsError):
            return held("NoDefaultCredentials")
        if isinstance(error, OAuthError):
            said = _EXCHANGE_REFUSED.match(str(error.args[0]))
            return UNAVAILABLE if said is None or said[1] in _PASSING else held(said[1])
        away = error.retryable or isinstance(error.__cause__, TransportError)
        return UNAVAILABLE if away else held("OAuthRefused")


class TokenEndpoint(Request):
    """Asks the token endpoint once, and judges the answer before google-auth reads it.

    google-auth alone would sleep and ask again on 5xx, follow redirects with the signed
    assertion, and trip over JSON that is no object.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Post the assertion.

        Raises:
            RefreshError: when the account was refused; its text is OAuth's word for it.
            TransportError: when nobody can tell whether the account is good.
        """
        answer = super().__call__(*args, **{**options, "timeout": ANSWER_SECONDS})  # type: ignore[no-untyped-call]  # google-auth
        if answer.status == 200 and _is_grant(answer.data):  # noqa: PLR2004 — HTTP's own number
            return answer
        if answer.status in _REFUSALS:
            refusal = word(json_object(answer.data).get("error")) or "OAuthRefused"
            raise RefreshError(refusal)  # type: ignore[no-untyped-call]  # google-auth
        raise TransportError(f"no token came with status {answer.status}")  # type: ignore[no-untyped-call]  # google-auth

    def refused(self, error: GoogleAuthError) -> Verdict:
        """Judge a refusal: the account's, in OAuth's word for it."""
        return held(str(error))


class _TrustingAdapter(HTTPAdapter):
    """Connects with our list of authorities, and never posts twice."""

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._trust(), **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Trust the same authorities behind a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust(), **kwargs)

    def cert_verify(self, conn: Any, *_: object) -> None:
        """Verify by our list alone: requests would add its own to it, for every connection."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None

    def _trust(self) -> SSLContext:
        return shared_trust("http/1.1", self._ca_file)


def _is_grant(body: bytes) -> bool:
    answer = json_object(body)
    token, life = answer.get("access_token"), str(answer.get("expires_in", _USUAL_SECONDS))
    lasting = life.isascii() and life.isdigit() and 0 < int(life[:9]) <= _LONGEST_SECONDS
    return lasting and isinstance(token, str) and bool(_TOKEN.fullmatch(token))


def _life_seconds(expiry: datetime | None) -> float:
    """Return how long a token lives; google-auth gives its end as UTC without saying so."""
    if expiry is None:
        return _USUAL_SECONDS
    return (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
