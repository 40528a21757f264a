"""What `doctor --security` looks at: who gets in where, and what others can read.

A finding is not ok where something is open that nobody opened on purpose. What an operator chose
(callers without a key, web pages of other origins) is told, and ok.
"""

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from push_pipeline import db
from push_pipeline.broker_address import is_sentinel, tls_of
from push_pipeline.cli.adopted import FOLDER
from push_pipeline.cli.checks import made
from push_pipeline.cli.finding import Finding
from push_pipeline.credentials import keys_in
from push_pipeline.directory.access import Access, list_access
from push_pipeline.directory.apps import KeyView, list_apps, list_keys
from push_pipeline.directory.scopes import SCOPES
from push_pipeline.environment import ENV_FILE
from push_pipeline.queues import broker_url
from push_pipeline.settings import Settings, get_settings

#: The bits of a file's mode that let group and others do anything.
_OTHERS = 0o077

#: What libpq does where an URL says nothing: TLS if the server offers it, unverified.
_SSLMODE_DEFAULT = "prefer"

#: Values of `sslmode` that leave no connection without TLS.
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})


def examine_security() -> Iterator[Finding]:
    """Look at everything; a check that cannot be made is a finding too."""
    for check in (_apps, _web_pages, _operators, _proxies, _broker, _database, _secret, _files):
        yield from made(check)


def _apps() -> Iterator[Finding]:
    with db.reading() as connection:
        apps = [app.id for app in list_apps(connection)]
        rules = {access.app_id: access for access in list_access(connection)}
        keys = list_keys(connection)
    for app_id in apps:
        yield from of_app(
            rules.get(app_id, Access(app_id)), [k for k in keys if k.app_id == app_id]
        )


def of_app(access: Access, keys: list[KeyView]) -> Iterator[Finding]:
    """Say who may do what in an app."""
    app_id = access.app_id
    scopes = ", ".join(access.open_scopes)
    where = " or ".join(access.hosts or ("this machine's own names",))
    says = f"anybody may {scopes}, at {where}" if scopes else "closed without a key"
    yield Finding("keyless", True, f"{app_id}: {says}")
    mighty = [key.hint for key in keys if {*SCOPES} <= {*key.scopes}]
    count = f"{len(keys)} {'key' if len(keys) == 1 else 'keys'}"
    told = f"; with all scopes those that end in {', '.join(mighty)}" if mighty else ""
    yield Finding("keys", True, f"{app_id}: {count}{told}")
    whose = "who shows their token" if access.device_proof else "whoever knows their id"
    yield Finding("devices", True, f"{app_id}: changed by {whose}")
    yield Finding("user tokens", True, f"{app_id}: {_tokens(access)}")


def _tokens(access: Access) -> str:
    rules = access.token_rules
    if rules is None:
        return "none are taken"
    return f"{' or '.join(rules.algorithms)} by {rules.jwks_url or 'a key of the app'}"


def _web_pages() -> Iterator[Finding]:
    origins = get_settings().cors_origins.split()
    shown = "every origin" if "*" in origins else ", ".join(origins)
    says = f"those of {shown} may use the HTTP API" if origins else "none may use the HTTP API"
    yield Finding("web pages", True, says)


def _operators() -> Iterator[Finding]:
    key = "PIPELINE_OPERATOR_KEY, or " if get_settings().operator_key else ""
    says = f"/metrics and /readyz by {key}a port of their own (`gateway --operator-port`)"
    yield Finding("operators", True, says)


def _proxies() -> Iterator[Finding]:
    named = ", ".join(get_settings().trusted_proxies.split())
    yield Finding("proxies", True, f"X-Forwarded-For counts from {named or 'nobody'}")


def _broker() -> Iterator[Finding]:
    url = broker_url()
    says = tls_of(url)
    safe = says.startswith(("a socket", "TLS, certificate verified")) or is_near(url)
    yield Finding("broker", safe, f"reached: {says}")


def is_near(url: str) -> bool:
    """Tell whether all of a broker's URLs lead to this machine; a sentinel's leads elsewhere."""
    return not is_sentinel(url) and all(
        is_this_machine(urlsplit(one).hostname or "") for one in url.split(";")
    )


def _database() -> Iterator[Finding]:
    url = db.engine().url
    mode = str(url.query.get("sslmode", _SSLMODE_DEFAULT))
    if url.get_backend_name() == "sqlite":
        yield Finding("database", True, "a file of this machine")
    elif is_this_machine(url.host or str(url.query.get("host", ""))):
        yield Finding("database", True, "PostgreSQL of this machine")
    else:
        says = f"PostgreSQL of another machine, sslmode {mode}"
        verified = "" if mode == "verify-full" else ": `sslmode=verify-full` verifies who it is"
        yield Finding("database", mode in _ENCRYPTED, says + verified)


def is_this_machine(host: str) -> bool:
    """Tell whether a connection to a host stays on this machine: a socket file or loopback."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _secret() -> Iterator[Finding]:
    secret = get_settings().secret_key
    if secret is None:
        yield Finding("secret key", False, "PIPELINE_SECRET_KEY is not set")
        return
    several = len(keys_in(secret.get_secret_value())) > 1
    says = "PIPELINE_SECRET_KEY seals credentials and keys of user tokens"
    yield Finding("secret key", True, f"{says}; old ones open them too" if several else says)


def _files() -> Iterator[Finding]:
    readable = [
        str(path) for path in files_of(get_settings(), db.engine().url.database) if _open(path)
    ]
    says = "keys, database and state are their owner's alone"
    if readable:
        says = f"others can use {', '.join(readable)}: `chmod go=`"
    yield Finding("files", not readable, says)


def files_of(settings: Settings, database: str | None) -> list[Path]:
    """Return what holds secrets on this machine, as far as the settings say."""
    named = (settings.apns_key_file, settings.fcm_service_account_file, Path(ENV_FILE), FOLDER)
    sqlite = database if settings.database_url.startswith("sqlite") else None
    beside = [Path(f"{sqlite}{end}") for end in ("", "-wal", "-shm")] if sqlite else []
    return [path for path in (*named, *beside) if path is not None]


def _open(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
    except OSError:  # it is not there
        return False
