"""`PUSH_PIPELINE` in Django's settings, read when it is first needed.

Its names are those of the settings, without their prefix: `{"BROKER_URL": …, "APP_ID": …}`. What
it says wins over the environment; what it leaves out comes from there. `DATABASE` is the alias of
the database that the pipeline shares with the host ("default"); `DATABASE_URL` in its place is a
database of its own.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.conf import settings as host_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from push_pipeline.errors import SettingsError

NAME: Final = "PUSH_PIPELINE"

#: Of a Django database's OPTIONS, what libpq knows by the same name; the others are Django's.
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "service", "passfile", "connect_timeout")


def given() -> Mapping[str, Any]:
    """Return what the host wrote.

    Raises:
        SettingsError: it is no dictionary, or has a name that is no setting.
    """
    written = getattr(host_settings, NAME, {})
    if not isinstance(written, Mapping):
        raise SettingsError(f"{NAME}: make it a dictionary")
    if strange := strange_names(written):
        raise SettingsError("\n".join(strange))
    return written


def strange_names(written: Mapping[str, Any]) -> list[str]:
    """Return a line for each name that is no setting, with the nearest one."""
    from push_pipeline.settings import Settings

    known = ["DATABASE", *(field.upper() for field in Settings.model_fields)]
    return [
        f"{NAME}[{name!r}]: there is no such setting, " + _remedy(str(name), known)
        for name in written
        if name not in known
    ]


def _remedy(name: str, known: list[str]) -> str:
    nearest = get_close_matches(name.upper(), known, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else "remove it"


def shared_alias() -> str | None:
    """Return the alias of the database that we share, or None where ours is another one."""
    written = given()
    if "DATABASE_URL" in written:
        return None
    return str(written.get("DATABASE", "default"))


def foreign_transaction() -> str | None:
    """Return the alias of a database with an open transaction that ours cannot be part of."""
    ours = shared_alias()
    begun: list[str] = [
        one.alias for one in connections.all(initialized_only=True) if one.in_atomic_block
    ]
    if not begun or ours in begun:
        return None
    return DEFAULT_DB_ALIAS if DEFAULT_DB_ALIAS in begun else begun[0]


def setting_values() -> dict[str, Any]:
    """Return the pipeline's settings that the host gives, by field name."""
    values = {name.lower(): value for name, value in given().items() if name != "DATABASE"}
    alias = shared_alias()
    if alias is not None:
        values["database_url"] = database_url(alias)
    return values


def database_url(alias: str) -> str:
    """Return the URL of one of Django's databases, for processes without Django.

    Raises:
        SettingsError: there is no such database, or it is one that cannot be shared.
    """
    try:
        connection = connections[alias]
    except ImproperlyConfigured as error:
        raise SettingsError(str(error)) from None
    described = connection.settings_dict
    if connection.vendor == "sqlite":
        return _sqlite_url(str(described["NAME"]))
    if connection.vendor == "postgresql":
        return _postgresql_url(described)
    raise SettingsError(
        f"{NAME}: {connection.display_name} cannot be shared; give DATABASE_URL, a PostgreSQL or"
        " SQLite database for the pipeline alone"
    )


def _sqlite_url(name: str) -> str:
    if name == ":memory:":
        return "sqlite://"
    if name.startswith("file:"):
        return f"sqlite:///{name}&uri=true"
    return f"sqlite:///{Path(name).absolute()}"


def _postgresql_url(described: Mapping[str, Any]) -> str:
    user = quote(str(described.get("USER") or ""), safe="")
    password = quote(str(described.get("PASSWORD") or ""), safe="")
    name = quote(str(described.get("NAME") or ""), safe="")
    options = described.get("OPTIONS") or {}
    said = {key: options[key] for key in _LIBPQ if key in options}
    said |= {key.lower(): described[key] for key in ("HOST", "PORT") if described.get(key)}
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    return f"postgresql://{who}/{name}" + (f"?{urlencode(said)}" if said else "")
