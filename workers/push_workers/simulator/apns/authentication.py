"""Who sends: the provider token or certificate, and what a connection is bound to.

Rules of Apple, "Establishing a token-based connection to APNs"; a connection is bound to the team
and key family of its first accepted token.
"""

from push_workers.simulator.binding import Binding
from push_workers.simulator.keyring import ProviderToken
from push_workers.simulator.world import World

#: A provider token may be this old, in seconds.
TOKEN_LIFETIME_SECONDS = 3600
#: A new one may come no sooner than this after the last, in seconds.
TOKEN_UPDATE_SECONDS = 1200

_SCHEME = "bearer "


def fault(world: World, binding: Binding, header: str | None) -> str | None:
    """Return Apple's reason to refuse this credential on this connection, None if it is good."""
    if binding.certificate_topic is not None:
        return None  # authorization is ignored on a certificate connection
    if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
        return "MissingProviderToken"
    jwt = header[len(_SCHEME) :]
    if jwt == binding.jwt and binding.token is not None:
        return None if world.fast else _age_fault(world, binding.token)
    token = world.keyring.read(jwt)
    if token is None:
        return "InvalidProviderToken"
    return (
        _age_fault(world, token)
        or _environment_fault(world, token)
        or _binding_fault(binding, token)
        or _update_fault(world, binding, jwt, token)
    )


def _age_fault(world: World, token: ProviderToken) -> str | None:
    age = world.clock.age(token.issued_at)
    return None if abs(age) <= TOKEN_LIFETIME_SECONDS else "ExpiredProviderToken"


def _environment_fault(world: World, token: ProviderToken) -> str | None:
    behaviour = world.behaviour
    if token.key.environment in (None, behaviour.environment):
        return None
    return behaviour.environment_reason


def _binding_fault(binding: Binding, token: ProviderToken) -> str | None:
    first = binding.token
    if first is None:
        return None
    if first.key.team_id != token.key.team_id:
        return "Forbidden"
    if first.key.key_id == token.key.key_id:
        return None
    related = first.key.family and first.key.family == token.key.family
    return None if related else "UnrelatedKeyIdInToken"


def _update_fault(world: World, binding: Binding, jwt: str, token: ProviderToken) -> str | None:
    """Bind the connection to the token, unless tokens change too often."""
    clock = world.clock
    if binding.token is not None and clock.age(binding.jwt_since) < TOKEN_UPDATE_SECONDS:
        return "TooManyProviderTokenUpdates"
    if world.behaviour.token_updates_per_key and not _key_may_update(world, jwt, token):
        return "TooManyProviderTokenUpdates"
    binding.jwt, binding.token, binding.jwt_since = jwt, token, clock.now()
    return None


def _key_may_update(world: World, jwt: str, token: ProviderToken) -> bool:
    last, since = world.key_updates.get(token.key.key_id, ("", 0.0))
    if last and last != jwt and world.clock.age(since) < TOKEN_UPDATE_SECONDS:
        return False
    if last != jwt:
        world.key_updates[token.key.key_id] = (jwt, world.clock.now())
    return True
