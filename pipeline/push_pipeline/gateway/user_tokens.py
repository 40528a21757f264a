"""User tokens: JSON Web Tokens of the host application, checked against the app's key."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt
from starlette.concurrency import run_in_threadpool

from push_pipeline.credentials import unseal_text
from push_pipeline.directory.access import Access, TokenRules
from push_pipeline.errors import InvalidUserToken, RequestError, SettingsError
from push_pipeline.gateway.key_sets import KeySets
from push_pipeline.options.user_ids import check_user_id
from push_pipeline.settings import get_settings

#: Seconds that two clocks may be apart.
LEEWAY_SECONDS = 10

#: Characters. Longer ones are refused unread; a token with dozens of claims is far below.
TOKEN_MAX = 8192


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Who a token says that the caller is."""

    user_id: str
    roles: frozenset[str]


async def read_user(token: str, access: Access, key_sets: KeySets) -> TokenUser:
    """Check a token (signature, expiry, audience, issuer) and return its user.

    Raises:
        InvalidUserToken: it does not hold, or the app takes no user tokens.
        UserKeysUnavailable: the app's key set cannot be read now.
    """
    rules = access.token_rules
    if rules is None or len(token) > TOKEN_MAX:
        raise InvalidUserToken
    if rules.jwks_url is None:
        return await run_in_threadpool(_verified, token, partial(_own_key, access), rules)
    with _as_invalid():
        key_id = jwt.get_unverified_header(token).get("kid")
    key = await key_sets.find(rules.jwks_url, key_id)
    return await run_in_threadpool(_verified, token, lambda: key, rules)


def _verified(token: str, find_key: Callable[[], Any], rules: TokenRules) -> TokenUser:
    key = find_key()
    with _as_invalid():
        claims = _claims(token, key, rules)
    return _user(claims, rules)


@contextmanager
def _as_invalid() -> Iterator[None]:
    try:
        yield
    except (jwt.PyJWTError, RecursionError):  # JSON that is nested by the thousand
        raise InvalidUserToken from None  # its text may repeat what is in the token


def _own_key(access: Access) -> str:
    secret = get_settings().secret_key
    if secret is None or access.token_key is None:
        raise SettingsError("PIPELINE_SECRET_KEY is not set: it unseals the key of user tokens")
    return unseal_text(secret.get_secret_value(), access.token_key)


def _claims(token: str, key: Any, rules: TokenRules) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=list(rules.algorithms),
        audience=rules.audience,
        issuer=rules.issuer,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp"], "verify_sub": False},  # some issuers number their users
    )


def _user(claims: dict[str, Any], rules: TokenRules) -> TokenUser:
    user_id = claims.get(rules.user_claim)
    if isinstance(user_id, bool) or not isinstance(user_id, str | int):
        raise InvalidUserToken
    try:
        known_as = check_user_id(str(user_id))
    except RequestError:
        raise InvalidUserToken from None
    roles = claims.get(rules.roles_claim) or ()
    if isinstance(roles, str):
        roles = roles.split()
    if not isinstance(roles, list | tuple):
        raise InvalidUserToken
    return TokenUser(known_as, frozenset(map(str, roles)))
