"""System checks: what is wrong with the settings is said before the first publish."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Info
from django.core.checks import Warning as CheckWarning
from django.db import DEFAULT_DB_ALIAS, connections

from push_pipeline.contrib.django import conf
from push_pipeline.errors import SettingsError

_WHERE = "It is described in push-pipeline's README, under Django."

_APART = Info(
    "The pipeline's tables are in another database than Django's default one: what is published"
    " inside atomic() is written after the commit.",
    hint="A process that dies between the two loses it; a table in the default database, or a"
    " dedupe_key and a second try, does not.",
    id="push_pipeline.I001",
)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check `PUSH_PIPELINE` and the database that it shares; no connection is opened."""
    try:
        alias = conf.shared_alias()
    except SettingsError as error:
        return [Error(str(error), hint=_WHERE, id="push_pipeline.E001")]
    found = [] if alias is None else list(_check_database(alias))
    apart = [_APART] if alias != DEFAULT_DB_ALIAS else []
    return [*(found or _check_values()), *apart]


def _check_database(alias: str) -> Iterator[CheckMessage]:
    if alias not in connections.settings:
        yield Error(
            f"{conf.NAME}['DATABASE']: DATABASES has no {alias!r}.", id="push_pipeline.E002"
        )
        return
    connection = connections[alias]
    if connection.vendor not in {"postgresql", "sqlite"}:
        yield Error(
            f"{connection.display_name} cannot be shared with the pipeline.",
            hint=f"Give {conf.NAME}['DATABASE_URL'], a database of its own: what is"
            " published inside atomic() is written after the commit then.",
            id="push_pipeline.E003",
        )
    elif connection.vendor == "postgresql" and not _has_psycopg_3():
        yield Error(
            "Django speaks to PostgreSQL by psycopg2 here; the pipeline shares psycopg 3.",
            hint="pip install 'psycopg[binary]>=3.2'; Django prefers it.",
            id="push_pipeline.E004",
        )
    elif connection.vendor == "sqlite" and not _begins_immediately(connection):
        yield CheckWarning(
            "SQLite may answer 'database is locked' to a publish beside another writer.",
            hint=f"DATABASES[{alias!r}]['OPTIONS'] = {{'transaction_mode': 'IMMEDIATE'}}",
            id="push_pipeline.W001",
        )


def _check_values() -> Iterator[CheckMessage]:
    from push_pipeline.settings import get_settings

    try:
        get_settings()
    except SettingsError as error:
        yield Error(str(error), hint=_WHERE, id="push_pipeline.E001")
        return
    if get_settings().broker_url is None:
        yield Error(
            f"{conf.NAME}['BROKER_URL'] is not set: a publish would be refused.",
            hint="Give it the address of a Redis or Valkey, as in redis://127.0.0.1:6379/0.",
            id="push_pipeline.E005",
        )


def _has_psycopg_3() -> bool:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


def _begins_immediately(connection: Any) -> bool:
    options = connection.settings_dict.get("OPTIONS") or {}
    return str(options.get("transaction_mode", "")).upper() == "IMMEDIATE"
