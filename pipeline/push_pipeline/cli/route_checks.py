"""What `doctor` looks at of the apps' ways to their providers."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from push_pipeline import db
from push_pipeline.audience import app_has
from push_pipeline.budgets import budget_key, limits_of, read_bucket, says
from push_pipeline.cli.finding import Finding
from push_pipeline.clock import iso, now_ms
from push_pipeline.credentials import certificate_end, origin_of, unseal
from push_pipeline.directory.apps import list_apps
from push_pipeline.directory.broadcast_channels import count_channels
from push_pipeline.directory.provider_routes import find_credential, list_routes, why_closed
from push_pipeline.errors import BadCredential, SettingsError
from push_pipeline.host import program
from push_pipeline.ledger.activities import count_under_way
from push_pipeline.ledger.broadcasts import count_waiting
from push_pipeline.options.broadcast_channel import CHANNELS_MAX
from push_pipeline.platform import Platform
from push_pipeline.settings import get_settings

#: Days before its end at which a certificate is told of, and the seconds of one.
DAYS_TOLD = 30
DAY_SECONDS = 86_400

#: Seconds after which somebody should look at a request to a broadcast channel that waits.
BROADCAST_SECONDS = 60

#: The share of an app's broadcast channels beyond which some are to be deleted soon.
_NEARLY = 0.95


def credentials() -> Iterator[Finding]:
    """Tell of each credential whether it can be used, and since when its route is closed."""
    with db.reading() as connection:
        routes = list_routes(connection)
    if not routes:
        yield Finding("credentials", False, f"there are none: `{program()} app credentials`")
    for route in _without_silent_vendors(routes):
        origin, problem = _judge_route(route)
        name = " ".join(str(route[part]) for part in ("app_id", "provider", "environment"))
        source = f"; from {origin}" if origin else ""
        says = f"{name.rstrip()}: {problem or _record(route) + _nearing_end(route)}{source}"
        yield Finding("credentials", problem is None, says)


def _without_silent_vendors(routes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the routes; of those to browsers' vendors that have nothing to tell only the first."""
    told: set[str] = set()
    for route in sorted(routes, key=lambda one: one["accepted_at"] is None):
        silent = route["provider"] == Platform.WEB.family and route["accepted_at"] is None
        if silent and route["app_id"] in told and why_closed(route) is None:
            continue
        if route["provider"] == Platform.WEB.family:
            told.add(route["app_id"])
        yield route


def budgets() -> Iterator[Finding]:
    """Tell how much may be sent by each credential, and what of it is in use."""
    with db.reading() as connection:
        routes = list_routes(connection)
    for route in routes:
        if route["provider"] == Platform.WEB.family:
            continue  # no push service of browsers names a limit
        limits = limits_of(route["provider"], get_settings())
        stored = read_bucket(budget_key(route["id"]))
        name = " ".join(str(route[part]) for part in ("app_id", "provider", "environment"))
        yield Finding("budget", True, f"{name.rstrip()}: {says(limits, stored, now_ms() / 1000)}")


def unreachable() -> Iterator[Finding]:
    """Tell of devices in service that no credential of their app reaches."""
    with db.reading() as connection:
        routes = list_routes(connection)
        for app in list_apps(connection):
            own = {route["provider"] for route in routes if route["app_id"] == app.id}
            for platform in without_way(own):
                if app_has(connection, app.id, platform):
                    remedy = f"`{program()} app credentials {platform.family} {app.id} …`"
                    says = f"{app.id}: nothing is sent to its devices of {platform}: {remedy}"
                    yield Finding("unreachable", False, says)


def without_way(providers: Collection[str]) -> list[Platform]:
    """Return the platforms that none of these providers reaches; an iPhone may go by FCM."""
    ways = {one: {one.family, *(["fcm"] if one is Platform.IOS else [])} for one in Platform}
    return [one for one, its in ways.items() if not its & set(providers)]


def broadcast_channels() -> Iterator[Finding]:
    """Tell how many broadcast channels apps have of those that Apple allows."""
    with db.reading() as connection:
        counted = count_channels(connection)
    for app_id, environment, count, idle_since in counted:
        says = f"{app_id} {environment}: {count:,} of {CHANNELS_MAX:,}"
        says += f", one not pushed to since {iso(idle_since)}"
        ok = count < CHANNELS_MAX * _NEARLY
        if not ok:
            command = f"{program()} broadcast-channel list --idle 30d --app {app_id}"
            says += f": delete what is idle (`{command} --environment {environment}`)"
        yield Finding("broadcast channels", ok, says)


def broadcasts() -> Iterator[Finding]:
    """Tell of requests to broadcast channels that Apple did not take at the first attempt."""
    now = now_ms()
    with db.reading() as connection:
        waiting = count_waiting(connection)
    for app_id, count, since in waiting:
        seconds = (now - since) / 1000
        says = f"{app_id}: {count:,} to broadcast channels not taken by Apple yet"
        says += f", the oldest was due {seconds:,.0f} s ago"
        yield Finding("broadcasts", seconds <= BROADCAST_SECONDS, says)


def _record(route: dict[str, Any]) -> str:
    """Say of an open route whether its provider has ever taken a push by this credential."""
    at = route["accepted_at"]
    if at is None:
        return "open, never tried: `doctor --live` connects to it"
    return f"open, the last push was taken {(now_ms() - at) / 1000:,.0f} s ago"


def _judge_route(route: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return where a route's credential comes from, and what is wrong with the route."""
    try:
        origin = _open(route)
    except (BadCredential, SettingsError) as error:
        return None, f"refused by us, the provider was not asked: {error}"
    return origin, _route_problem(route)


def _route_problem(route: dict[str, Any]) -> str | None:
    now = now_ms()
    wait = max((route["paused_until"] or 0) - now, 0) / 1000
    if (why := why_closed(route)) is None:
        return f"rests for another {wait:.0f} s" if wait else None
    state = "held" if route["held_reason"] else "rests"
    since = (now - (route["troubled_since"] or now)) / 1000
    return f"{state} since {since:.0f} s: {why}; the next probe goes in {wait:.0f} s"


def _nearing_end(route: dict[str, Any]) -> str:
    """Say of a certificate that it ends soon."""
    secret, sealed = get_settings().secret_key, _sealed_of(route)
    if secret is None or sealed is None:
        return ""
    end = certificate_end(secret.get_secret_value(), sealed)
    days = math.inf if end is None else (end - now_ms() / 1000) / DAY_SECONDS
    return f"; its certificate ends in {days:.0f} days" if days < DAYS_TOLD else ""


def _open(route: dict[str, Any]) -> str | None:
    secret = get_settings().secret_key
    if secret is None:
        raise SettingsError("PIPELINE_SECRET_KEY is not set")
    sealed = _sealed_of(route)
    if sealed is None:
        return None
    unseal(secret.get_secret_value(), sealed)
    return origin_of(secret.get_secret_value(), sealed)


def _sealed_of(route: dict[str, Any]) -> bytes | None:
    with db.reading() as connection:
        return find_credential(connection, route["app_id"], route["provider"], route["environment"])


def activities() -> Iterator[Finding]:
    """Tell of activities that a certificate cannot send."""
    with db.reading() as connection:
        under_way, routes = count_under_way(connection), list_routes(connection)
    for app_id, count in under_way.items():
        own = [one for one in routes if (one["app_id"], one["provider"]) == (app_id, "apns")]
        refused = any(map(_is_by_certificate, own))
        why = "; a certificate cannot send them: give the app a .p8 key" if refused else ""
        yield Finding("activities", not refused, f"{app_id}: {count:,} under way{why}")


def _is_by_certificate(route: dict[str, Any]) -> bool:
    secret, sealed = get_settings().secret_key, _sealed_of(route)
    if secret is None or sealed is None:
        return False
    return certificate_end(secret.get_secret_value(), sealed) is not None
