"""A drill's place in an installation that is there: what it refuses, makes and takes away again."""

import ipaddress
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from push_pipeline import db, default_app, queues
from push_pipeline.cli.app_changes import sealing_secret
from push_pipeline.clock import now_ms
from push_pipeline.credentials import (
    ApnsCredential,
    Credential,
    FcmCredential,
    Standing,
    WebPushCredential,
    seal,
    standing,
    unseal,
)
from push_pipeline.directory.apps import create_app, set_unknown_policy
from push_pipeline.directory.sealed import list_sealed
from push_pipeline.errors import NotForDrills
from push_pipeline.ledger.intervention import cancel_message
from push_pipeline.ledger.new_credential import change_credential
from push_pipeline.ledger.removal import find_apps, find_under_way, remove_some
from push_pipeline.models import Credential as StoredCredential
from push_pipeline.settings import Settings, get_settings, spelled
from push_pipeline.supervisor import commands
from push_pipeline.supervisor.simulated_providers import SimulatedProviders
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stop import uninterrupted
from push_pipeline.supervisor.tree import Tree

#: What the id of a drill's app begins with, and what people read of it.
APP_PREFIX = "DRILL-"
APP_NAME = "A drill of push-pipeline: simulated devices, removed at its end"

#: Milliseconds after which an app of a drill is one that was killed.
LEFT_AFTER_MS = 3_600_000

#: Hosts of real providers, whatever their names resolve to here.
REAL = ("apple.com", "googleapis.com", "google.com", "mozilla.com", "windows.com")

#: What a simulator's folder holds: the certificates that the workers trust.
TLS_FILES = ("server.pem", "client.pem")

#: Seconds.
_PING_SECONDS = 2.0
_POLL_SECONDS = 0.1

Tell = Callable[[str], None]


@contextmanager
def drill_app(folder: StateFolder, seconds: int, tell: Tell) -> Iterator["StagingApp"]:
    """Make an app whose devices are simulated, and remove it however the block ends.

    `seconds`: in these nothing else may be due.

    Raises:
        NotForDrills: it is on SQLite, a real provider could be met, something else is under
            way, or no worker would send; nothing was written.
    """
    commands.require_workers()
    settings, secret = get_settings(), sealing_secret()
    if settings.database_url.startswith("sqlite"):
        # It gives numbers of removed rows again, by which workers remember runs and credentials.
        raise NotForDrills("a drill on staging needs PostgreSQL; without --staging it needs none")
    refuse_real_providers(list(_credentials(settings, secret)), settings.push_services)
    authority = _authority(settings)
    if not queues.remote_control().ping(timeout=_PING_SECONDS, limit=1):
        raise NotForDrills("no worker answers: a drill on staging needs the workers that run there")
    _refuse_company(seconds)
    with Tree(folder.logs, tell) as tree:
        providers = SimulatedProviders.on_free_ports(_certified(folder, authority))
        tree.start(providers.program())
        app = StagingApp(f"{APP_PREFIX}{secrets.token_hex(4).upper()}", providers)
        given = providers.wait_until_ready()
        _remove_left()
        try:
            _create(app.id, given, secret)
            tell(f"made the app {app.id}, removed at the end; all other apps are left alone")
            yield app
        finally:
            with uninterrupted():
                _end(app.id, settings.lease_seconds)
            tell(f"removed {app.id}")


class StagingApp:
    """An app of a drill, and the providers of its devices."""

    def __init__(self, app_id: str, providers: SimulatedProviders) -> None:
        self.id = app_id
        self.providers = providers


def refuse_real_providers(
    credentials: Iterable[tuple[str, Credential]], push_services: Iterable[str]
) -> None:
    """Check that no credential leads to a provider that is not a stand-in.

    `push_services`: those of browsers that may be pushed to.

    Raises:
        NotForDrills: one does.
    """
    services = [one.rpartition(":")[0] or one for one in push_services]
    for name, credential in credentials:
        of_browsers = isinstance(credential, WebPushCredential)
        for host in services if of_browsers else hosts_of(credential):
            if is_real(host, _addresses(host)):
                raise NotForDrills(
                    f"{name} leads to {host}, which is no stand-in: a drill runs where every"
                    " provider is simulated"
                )


def hosts_of(credential: Credential) -> list[str]:
    """Return the hosts that are asked with a credential, that of its tokens included.

    A browser's subscription says itself where to, and the settings which of these are allowed.
    """
    if isinstance(credential, WebPushCredential):
        return []
    hosts = [credential.address[0]]
    if isinstance(credential, FcmCredential):
        account = credential.service_account
        tokens = "oauth2.googleapis.com" if account is None else account["token_uri"]
        hosts.append(urlsplit(tokens).hostname or tokens)
    return hosts


def is_real(host: str, addresses: Iterable[str]) -> bool:
    """Tell whether a host may be a provider: one by its name, or not on a private network."""
    name = host.lower().rstrip(".")
    if any(name == one or name.endswith(f".{one}") for one in REAL):
        return True
    known = [ipaddress.ip_address(one) for one in addresses]
    return not known or not all(one.is_private or one.is_loopback for one in known)


def _addresses(host: str) -> list[str]:
    try:
        return [str(one[4][0]).partition("%")[0] for one in socket.getaddrinfo(host, None)]
    except OSError:
        return []


def _credentials(settings: Settings, secret: str) -> Iterator[tuple[str, Credential]]:
    for one in default_app.configured(settings):
        yield "a credential of the settings", one
    with db.reading() as connection:
        stored = [one for one in list_sealed(connection) if one.table is StoredCredential]
    for row in stored:
        if standing(secret, row.value) is Standing.LOST:
            raise NotForDrills(f"{row.name} cannot be opened: nobody knows where it leads to")
        yield f"the credential {row.name}", unseal(secret, row.value)


def _authority(settings: Settings) -> Path:
    """Return the CA of a simulator that the workers trust."""
    file = settings.ca_file
    if file is None or not all((file.parent / name).exists() for name in TLS_FILES):
        raise NotForDrills(
            f"{spelled('ca_file')} names no simulator's ca.pem, so that workers would not trust"
            " one: `push-pipeline simulate --dir DIR` makes DIR/ca.pem"
        )
    return file


def _certified(folder: StateFolder, authority: Path) -> Path:
    """Return a folder for a simulator with certificates that the workers trust."""
    place = folder.path / "simulator"
    place.mkdir(exist_ok=True)
    shutil.copyfile(authority, place / "ca.pem")
    for name in TLS_FILES:
        shutil.copyfile(authority.parent / name, place / name)
    return place


def _refuse_company(seconds: int) -> None:
    with db.reading() as connection:
        found = find_under_way(connection, now_ms() + seconds * 1000)
    if found is not None:
        app_id, message_id = found
        raise NotForDrills(
            f"message {message_id} of {app_id} is under way or due within {seconds} s: a drill"
            " waits until nothing else is"
        )


def _create(app_id: str, given: dict[str, str], secret: str) -> None:
    apns = ApnsCredential.from_key_file(
        given["PIPELINE_APNS_KEY_FILE"],
        key_id=given["PIPELINE_APNS_KEY_ID"],
        team_id=given["PIPELINE_APNS_TEAM_ID"],
        topic=given["PIPELINE_APNS_TOPIC"],
        environment=given["PIPELINE_APNS_ENVIRONMENT"],
        url=given["PIPELINE_APNS_URL"],
    )
    fcm = FcmCredential.from_service_account_file(
        given["PIPELINE_FCM_SERVICE_ACCOUNT_FILE"], url=given["PIPELINE_FCM_URL"]
    )
    now = now_ms()
    with db.writing() as connection:
        create_app(connection, APP_NAME, now, app_id)
        set_unknown_policy(connection, app_id, "at-least-once")
        for provider, environment, one in (
            ("apns", given["PIPELINE_APNS_ENVIRONMENT"], apns),
            ("fcm", "", fcm),
        ):
            sealed = seal(secret, one, "a drill's simulator")
            change_credential(connection, app_id, provider, environment, sealed, now)


def _end(app_id: str, patience: float) -> None:
    """Cancel what is open of the app, wait for who sends it, and remove the app with all it has."""
    ends, pause = time.monotonic() + patience, threading.Event()
    while (open_one := _open_message(app_id)) and time.monotonic() < ends:
        with db.writing() as connection:
            cancel_message(connection, app_id, open_one, now_ms())
        pause.wait(_POLL_SECONDS)
    _remove(app_id)


def _open_message(app_id: str) -> str | None:
    with db.reading() as connection:
        found = find_under_way(connection, now_ms() + LEFT_AFTER_MS, app_id)
    return None if found is None else found[1]


def _remove_left() -> None:
    """Remove the apps of drills that were killed."""
    with db.reading() as connection:
        left = find_apps(connection, APP_PREFIX, now_ms() - LEFT_AFTER_MS)
    for app_id in left:
        _remove(app_id)


def _remove(app_id: str) -> None:
    more = True
    while more:
        with db.writing() as connection:
            more = remove_some(connection, app_id)
