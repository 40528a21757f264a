"""Who asks, found out before anything else is looked at: key, domain, user token."""

from dataclasses import replace
from functools import partial
from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Request

from push_pipeline import db
from push_pipeline.directory.access import Access, Grant, find_access, find_app_of_host, find_grant
from push_pipeline.directory.apps import hash_key, resolve_app
from push_pipeline.errors import MissingApplicationId, UnknownApp, UnknownHost
from push_pipeline.gateway.clients import network_of
from push_pipeline.gateway.key_sets import KeySets
from push_pipeline.gateway.keyless import OPENABLE, is_from_here, require_declared
from push_pipeline.gateway.paths import ADDRESS, Address
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.quotas import KEYLESS_PUBLISH_RATE
from push_pipeline.gateway.rate_limiter import RateLimiter
from push_pipeline.gateway.shared_pace import SharedPace
from push_pipeline.gateway.ttl_cache import TtlCache
from push_pipeline.gateway.user_tokens import read_user

#: Characters of a key by which wrong ones are counted, wherever they come from.
PREFIX = 4

#: Seconds. A key that was right within them is never slowed down.
RIGHT_SECONDS = 86_400.0


class Place(NamedTuple):
    """What a caller takes the gateway for: a domain, and whether it is this machine itself."""

    host: str
    is_here: bool


class Gatekeeper:
    """What one gateway process knows of keys and rules. Used by its event loop only."""

    def __init__(self) -> None:
        self._grants: TtlCache[tuple[str, bytes], Grant] = TtlCache()
        self._access: TtlCache[str, Access] = TtlCache()
        self._apps_of_hosts: TtlCache[Place, str] = TtlCache()
        self._right: TtlCache[tuple[str, bytes], bool] = TtlCache(RIGHT_SECONDS)
        self._failures = RateLimiter()
        self._pace = SharedPace()
        self._key_sets = KeySets()

    async def admit(self, address: Address, *, request: Request, user_token: str | None) -> Caller:
        """Return who asks.

        Raises:
            UnknownApp: no such app, or the key is not one of its keys; without a key, no app has
                this domain.
            TooManyAttempts: too many wrong keys came from this client.
            InvalidUserToken: the user token does not hold.
        """
        if address.app_id is not None:
            client = request.client.host if request.client else ""
            grant = await self._by_key(address.app_id, address.api_key or "", client)
            access = await self._rules(grant.app_id)
        else:
            access = await self._rules(await self._app_of(_place(request)))
            scopes = OPENABLE.intersection(access.open_scopes)
            grant = Grant(access.app_id, scopes, publish_rate=KEYLESS_PUBLISH_RATE)
        asking = _caller_by(grant, access, keyless=address.app_id is None)
        if not user_token:
            return asking
        user = await read_user(user_token, access, self._key_sets)
        return replace(asking, user_id=user.user_id, user_roles=user.roles)

    def known(self, address: Address) -> Caller | None:
        """Return who asks with a key, where that was found out within the last seconds.

        Whoever goes on asking is looked up again before that time ends: at its end all would wait.
        """
        if address.app_id is None or address.api_key is None:
            return None
        name = address.app_id, hash_key(address.api_key)
        grant, access = self._grants.fresh(name), self._access.fresh(address.app_id)
        if grant is None or access is None:
            return None
        if self._grants.ages(name):
            self._grants.renew(name, partial(_find_grant, address.app_id, address.api_key))
        if self._access.ages(address.app_id):
            self._access.renew(address.app_id, partial(_find_access, address.app_id))
        return _caller_by(grant, access, keyless=False)

    async def count_publish(self, asking: Caller) -> None:
        """Count a publish against what the key and the app may ask for.

        Raises:
            TooManyPublishes: it is one too many.
        """
        grant = asking.grant
        rates = {
            f"{grant.app_id}/{grant.key_id}": grant.publish_rate,
            grant.app_id: asking.app_publish_rate,
        }
        await self._pace.take({who: rate for who, rate in rates.items() if rate is not None})

    async def _by_key(self, app_id: str, key: str, client: str) -> Grant:
        name = (app_id, hash_key(key))
        if (known := self._grants.fresh(name)) is not None:
            return known
        # A key is looked up whatever else comes from its address: a carrier or a proxy stands for
        # many apps, of which none may lock another out. So only wrong keys are ever refused. Where
        # many came, one that was not right before waits for its look-up: after it, whoever guesses
        # would not stay for the answer.
        origins = (network_of(client), f"{app_id}/{key[:PREFIX]}")
        if not self._right.fresh(name):
            await self._failures.slow_down(origins)
        grant = await self._grants.look_up(name, partial(_find_grant, app_id, key))
        if grant is not None:
            self._right.keep(name, value=True)
            return self._grants.keep(name, grant)
        self._grants.drop(name)
        self._right.drop(name)
        self._failures.count(origins)
        raise UnknownApp

    async def _rules(self, app_id: str) -> Access:
        if (known := self._access.fresh(app_id)) is not None:
            return known
        found = await self._access.look_up(app_id, partial(_find_access, app_id))
        return self._access.keep(app_id, found)

    async def _app_of(self, place: Place) -> str:
        if (known := self._apps_of_hosts.fresh(place)) is None:
            found = await self._apps_of_hosts.look_up(place, partial(_find_app, place))
            known = self._apps_of_hosts.keep(place, found)
        if not known:
            raise UnknownHost
        return known


def _caller_by(grant: Grant, access: Access, *, keyless: bool) -> Caller:
    return Caller(
        grant,
        access.publish_rules,
        device_proof=access.device_proof,
        keyless=keyless,
        time_zone=access.time_zone,
        app_publish_rate=access.publish_rate,
    )


def _find_grant(app_id: str, key: str) -> Grant | None:
    with db.reading() as connection:
        return find_grant(connection, app_id, key)


def _find_access(app_id: str) -> Access:
    with db.reading() as connection:
        return find_access(connection, app_id)


def _find_app(place: Place) -> str:
    """Return the app of a place; none where the place is nobody's."""
    with db.reading() as connection:
        found = find_app_of_host(connection, place.host)
        return found or (resolve_app(connection, None) if place.is_here else "")


async def caller(
    request: Request,
    user_token: Annotated[str | None, Header(alias="user-token")] = None,
    application_id: Annotated[str | None, Header(alias="application-id")] = None,
    secret_key: Annotated[str | None, Header(alias="secret-key")] = None,
    auth_key: Annotated[str | None, Header(alias="auth-key")] = None,
) -> Caller:
    """Find out who asks: the dependency of every route that belongs to an app."""
    address: Address = request.scope[ADDRESS]
    if address.app_id is None and (application_id or secret_key):
        if not application_id:
            raise MissingApplicationId
        address = Address(application_id, secret_key)
    if address.api_key is None and auth_key is not None:
        address = Address(address.app_id, auth_key)
    if address.app_id is None:
        require_declared(request.method, request.headers.get("content-type", ""))
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    return await gatekeeper.admit(address, request=request, user_token=user_token)


def _place(request: Request) -> Place:
    host = request.headers.get("host", "")
    name, _, port = host.rpartition(":")
    domain = (name if port.isdecimal() else host).lower()
    own_address, _ = request.scope.get("server") or (None, None)
    return Place(domain, is_from_here(domain, own_address))


async def asking_by(request: Request) -> Caller:
    """Find out who asks, where no framework reads the headers."""
    told = map(request.headers.get, ("user-token", "application-id", "secret-key", "auth-key"))
    return await caller(request, *told)


Asking = Annotated[Caller, Depends(caller)]


async def publisher(request: Request, asking: Asking) -> Caller:
    """Find out who asks to publish, and count it: the dependency of every route that does so."""
    asking.require_publishing()
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    await gatekeeper.count_publish(asking)
    return asking


Publishing = Annotated[Caller, Depends(publisher)]
