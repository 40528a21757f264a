"""What `doctor` looks at: one function for each thing that can be wrong with an installation."""

import json
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from push_pipeline import db, migrations, queues, sentinels
from push_pipeline.broker_address import is_sentinel, sentinels_in, tls_of
from push_pipeline.cli import route_checks
from push_pipeline.cli.finding import Finding
from push_pipeline.clock import now_ms
from push_pipeline.credentials import (
    Standing,
    keys_in,
    standing,
)
from push_pipeline.directory.access import list_access
from push_pipeline.directory.database_clock import database_now
from push_pipeline.directory.dead_letters import count_dead_letters
from push_pipeline.directory.durability import what_is_lax
from push_pipeline.directory.heartbeat import last_beat
from push_pipeline.directory.provider_routes import list_routes
from push_pipeline.directory.sealed import list_sealed
from push_pipeline.environment import env_file_found
from push_pipeline.errors import PipelineError, SettingsError
from push_pipeline.host import program
from push_pipeline.ledger import runs
from push_pipeline.ledger.due_batches import oldest_due
from push_pipeline.settings import get_settings
from push_pipeline.supervisor import commands
from push_pipeline.trust import trust

#: Milliseconds by which two machines' clocks may differ before leases and due times suffer.
CLOCK_TOLERANCE_MS = 2_000

#: Ticks that may be missing before beat counts as dead; some may wait for a free worker.
TICKS_MISSED = 10

#: Milliseconds that a due batch may wait before somebody should look.
WAIT_TOLERANCE_MS = 60_000

#: Messages that the guard has stopped which are named.
STOPPED_SHOWN = 10

#: Seconds in which workers must answer.
PING_SECONDS = 1.5


Check = Callable[[], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Look at everything; a check that cannot be made is a finding too."""
    for check in (_settings, _database, _schema):
        found = made(check)
        yield from found
        if not found[0].ok:
            return  # without these every other check would say the same
    broker = made(_broker)
    yield from broker
    yield from made(_sentinels)
    if broker[0].ok:
        yield from made(_workers)  # they are asked through the broker
    for check in (
        _beat,
        _clock,
        _durability,
        _proxy,
        _trust,
        route_checks.credentials,
        route_checks.unreachable,
        route_checks.budgets,
        route_checks.broadcast_channels,
        _sealed,
        _keyless,
        _waiting,
        route_checks.broadcasts,
        _stopped,
        route_checks.activities,
        _dead_letters,
    ):
        yield from made(check)


def try_providers() -> Iterator[Finding]:
    """Let a process of the workers' connect to each provider, as they do; nothing is pushed."""
    try:
        commands.require_workers()
    except SettingsError as error:
        yield Finding("live", False, str(error))
        return
    command = commands.trial()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as trial:  # noqa: S603 - ours
        assert trial.stdout is not None  # noqa: S101 - it was asked for
        for line in trial.stdout:
            yield Finding(**json.loads(line))
    if trial.returncode:
        yield Finding("live", False, "the trial of the providers failed")


def who_is_missing() -> Iterator[Finding]:
    """Look for whoever moves a message that is due: broker, workers, beat."""
    for check in (_broker, _workers, _beat):
        bad = [one for one in made(check) if not one.ok]
        yield from bad
        if bad and check is _broker:
            return  # the others are asked through it


def made(check: Check) -> list[Finding]:
    """Return what a check found; that it cannot be made is a finding too."""
    try:
        return list(check())
    except PipelineError as error:
        return [Finding(check.__name__.lstrip("_"), False, str(error))]


def _settings() -> Iterator[Finding]:
    settings = get_settings()
    app = settings.app_id or "none, commands need --app unless there is only one"
    yield Finding("settings", True, f"can be read, {env_file_found()}; default app: {app}")


def _database() -> Iterator[Finding]:
    with db.reading() as connection:
        where = db.whereabouts()
        pooled = " (through a pooler)" if db.is_pooled(connection) else ""
    yield Finding("database", True, f"answers: {where}{pooled}")


def _schema() -> Iterator[Finding]:
    with db.reading() as connection:
        schema = migrations.state(connection)
    yield Finding("schema", schema.usable, schema.says)


def _clock() -> Iterator[Finding]:
    with db.reading() as connection:
        before = now_ms()
        away = database_now(connection) - before
    ok = abs(away) <= CLOCK_TOLERANCE_MS
    yield Finding("clock", ok, f"the database's is {away / 1000:+.1f} s from ours")


def _proxy() -> Iterator[Finding]:
    proxies = getproxies_environment()
    url = proxies.get("https") or proxies.get("all")
    if url:
        but = f", but for {proxies['no']}" if proxies.get("no") else ""
        address = urlsplit(url if "://" in url else f"http://{url}")
        if address.scheme != "http":
            says = f"HTTPS_PROXY is {address.scheme}://…: only http:// proxies are used, by CONNECT"
            yield Finding("proxy", False, f"{says}; no provider is reached")
            return
        yield Finding("proxy", True, f"HTTPS goes by {address.netloc.rpartition('@')[2]}{but}")


def _trust() -> Iterator[Finding]:
    ca_file = get_settings().ca_file
    if ca_file is not None:
        trust(str(ca_file))
        yield Finding("trust", True, f"the system's authorities, and those in {ca_file}")


def _durability() -> Iterator[Finding]:
    with db.reading() as connection:
        lax = what_is_lax(connection)
    says = f"{', '.join(lax)}: a commit may be lost" if lax else "a commit is on disk"
    yield Finding("durability", not lax, says)


def _broker() -> Iterator[Finding]:
    lengths = {name: queues.backlog(name) for name in queues.QUEUES}
    waiting = ", ".join(f"{name} {count}" for name, count in lengths.items() if count)
    reached = tls_of(queues.broker_url())
    where = queues.whereabouts()
    yield Finding("broker", True, f"answers: {where} ({reached}); waiting: {waiting or 'nothing'}")


def _sentinels() -> Iterator[Finding]:
    settings = get_settings()
    url = queues.broker_url()
    if is_sentinel(url) and settings.broker_master is not None:
        group = settings.broker_master
        answers = sentinels.ask(sentinels_in(url), group, queues.sentinel_password(settings))
        yield Finding("sentinels", *sentinels.judged(group, answers))


def _workers() -> Iterator[Finding]:
    consumers: dict[str, list[Any]] = (
        queues.remote_control().inspect(timeout=PING_SECONDS).active_queues() or {}
    )
    served = {queue["name"] for mine in consumers.values() for queue in mine}
    with db.reading() as connection:
        providers = {route["provider"] for route in list_routes(connection)}
    missing = unserved(served, providers)
    says = f"{len(consumers)} answer"
    if missing:
        says += f"; nobody works on {', '.join(missing)}: start `{program()} worker`"
    yield Finding("workers", not missing, says)


def unserved(served: Collection[str], providers: Collection[str]) -> list[str]:
    """Return the queues that nobody works on, though an app can send by them."""
    needless = {
        name
        for family in queues.FAMILIES
        if family not in providers
        for name in (family, family + queues.BULK)
    }
    return [name for name in queues.QUEUES if name not in served and name not in needless]


def _beat() -> Iterator[Finding]:
    with db.reading() as connection:
        last = last_beat(connection, "tick")
    if last is None:
        yield Finding("beat", False, f"there was no tick yet: start `{program()} beat`")
        return
    ago = (now_ms() - last) / 1000
    ok = ago <= TICKS_MISSED * get_settings().tick_seconds
    remedy = "" if ok else f": start `{program()} beat`, and a worker for the queue schedule"
    yield Finding("beat", ok, f"the last tick was {ago:.1f} s ago{remedy}")


def _sealed() -> Iterator[Finding]:
    with db.reading() as connection:
        found = list_sealed(connection)
    secret = get_settings().secret_key
    if secret is None or not found:
        says = "nothing is sealed yet" if not found else "PIPELINE_SECRET_KEY is not set"
        yield Finding("secret key", not found, says)
        return
    names: dict[Standing, list[str]] = {one: [] for one in Standing}
    for one in found:
        names[standing(secret.get_secret_value(), one.value)].append(one.name)
    yield of_sealed(names, len(keys_in(secret.get_secret_value())))


def of_sealed(names: Mapping[Standing, Sequence[str]], keys: int) -> Finding:
    """Say what is sealed with which of so many keys."""
    lost, old = ", ".join(names[Standing.LOST]), ", ".join(names[Standing.OLD])
    if lost:
        return Finding("secret key", False, f"none of the keys opens {lost}")
    if old:
        return Finding("secret key", True, f"an old key seals {old}: `{program()} keys rotate`")
    rest = ", nothing needs the others" if keys > 1 else ""
    says = f"{len(names[Standing.NEWEST])} sealed, all with the newest key{rest}"
    return Finding("secret key", True, says)


def _keyless() -> Iterator[Finding]:
    with db.reading() as connection:
        opened = [access for access in list_access(connection) if access.open_scopes]
    for access in opened:
        scopes = ", ".join(access.open_scopes)
        says = f"{access.app_id}: anybody may {scopes} (`app auth open {access.app_id}`)"
        yield Finding("keyless", True, says)
    if not opened:
        yield Finding("keyless", True, "nothing of the HTTP API is open to callers without a key")


def _waiting() -> Iterator[Finding]:
    now = now_ms()
    with db.reading() as connection:
        since = oldest_due(connection, now)
    if since is None:
        yield Finding("waiting", True, "no batch is overdue")
        return
    ok = now - since <= WAIT_TOLERANCE_MS
    yield Finding("waiting", ok, f"the oldest due batch waits for {(now - since) / 1000:.1f} s")


def _stopped() -> Iterator[Finding]:
    with db.reading() as connection:
        found = runs.find_stopped(connection, STOPPED_SHOWN)
    for message_id, reason in found:
        yield Finding("stopped", False, f"{message_id}: {reason}")
    if not found:
        yield Finding("stopped", True, "no message")


def _dead_letters() -> Iterator[Finding]:
    with db.reading() as connection:
        count = count_dead_letters(connection)
    says = f"{count} messages on the queues could not be read" if count else "nothing"
    yield Finding("dead letters", not count, says)
