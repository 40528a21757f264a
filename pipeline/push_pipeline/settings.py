"""Every setting: name, type, unit, default and what it is for.

Read from the environment (prefix `PIPELINE_`), then from a `.env` file in the working directory.
A wrong value, and a `PIPELINE_` name that is not here, stop the program at the start: a setting
that is silently ignored is found out in production.
"""

import os
import re
from collections.abc import Hashable, Iterable
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Ge, Gt, Le
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from push_pipeline.broker_address import check_broker_url, is_sentinel
from push_pipeline.environment import ENV_FILE, env_file_found
from push_pipeline.errors import SettingsError
from push_pipeline.host import Host, joined
from push_pipeline.key_strength import SECRET_KEY_MIN_LENGTH, check_key
from push_pipeline.platform import KNOWN_HOSTS
from push_pipeline.settings_report import (
    PREFIX,
    never_run,
    table,
    unknown_names,
    variable,
    wrong_value,
)

DATABASE_SCHEMES: Final = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")


#: What the default app may show Apple: one of these.
_APNS_WAYS = ("apns_key_file", "apns_key_pem", "apns_certificate_pem")


class Settings(BaseSettings):
    """The settings of one process. Frozen; secrets and URLs are not in its `repr`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",  # unknown names are refused below, with the nearest right one
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(
        "sqlite:///var/pipeline.db",
        repr=False,
        description="SQLAlchemy URL of the database: PostgreSQL in production, SQLite to try it",
    )
    database_connections: Annotated[int, Ge(1), Le(100)] = Field(
        10,
        description="Most connections of a process to PostgreSQL; up to five of them stay open",
        json_schema_extra={"unit": "connections"},
    )
    broker_url: str | None = Field(
        None,
        repr=False,
        description="URL of Redis, Valkey or RabbitMQ; `up` and `demo` start a private Redis",
    )
    broker_master: str | None = Field(
        None, description="What the sentinels of a `sentinel://` broker call the group of servers"
    )
    broker_sentinel_password: SecretStr | None = Field(
        None, description="Password of the sentinels; that of the servers is in the URL"
    )

    budgets_url: str | None = Field(
        None,
        repr=False,
        description="Redis for what workers may send together, where the broker is RabbitMQ;"
        " without, each child sends by a small fixed share",
    )

    apns_key_file: Path | None = Field(None, description="APNs .p8 key of the default app")
    apns_key_pem: SecretStr | None = Field(None, description="That key itself, instead of its file")
    apns_key_id: str | None = Field(None, description="Key id of that key")
    apns_team_id: str | None = Field(None, description="Team id of that key")
    apns_certificate_pem: SecretStr | None = Field(
        None, description="Instead of a key: certificate and private key, the PEM text itself"
    )
    apns_topic: str | None = Field(None, description="Bundle id that is pushed to")
    apns_environment: Literal["production", "sandbox"] = Field(
        "production", description="APNs environment of the default app's tokens"
    )
    apns_url: str | None = Field(None, description="Instead of Apple's endpoint, for tests")
    apns_manage_url: str | None = Field(
        None, description="Instead of Apple's endpoint for broadcast channels, with its port"
    )
    apns_broadcast_url: str | None = Field(
        None, description="Instead of the credential's endpoint, for pushes to broadcast channels"
    )
    fcm_service_account_file: Path | None = Field(
        None, description="Service account JSON of the default app's Firebase project"
    )
    fcm_service_account_json: SecretStr | None = Field(
        None, description="That JSON itself, instead of its file"
    )
    fcm_project_id: str | None = Field(
        None,
        description="Firebase project of the default app, where the machine has an identity of"
        " Google (Application Default Credentials): no secret is kept",
    )
    fcm_url: str | None = Field(None, description="Instead of Google's endpoint, for tests")
    webpush_key_file: Path | None = Field(
        None, description="Key that identifies the default app to browsers' push services (PEM)"
    )
    webpush_key_pem: SecretStr | None = Field(
        None, description="That PEM itself, instead of its file: line breaks may be `\\n`"
    )
    webpush_subject: str = Field(
        "", description="Whom those push services write to: `mailto:…` or `https://…`"
    )
    webpush_hosts: str = Field(
        " ".join(KNOWN_HOSTS),
        description="Push services of browsers that may be pushed to, separated by blanks: a host,"
        " `*.example.com`, `*` for all, or `host:port`, which may be a private address",
    )
    ca_file: Path | None = Field(
        None, description="Extra CA bundle, trusted beside the system's for all that speaks TLS"
    )

    app_id: str | None = Field(None, description="Default app, created by `migrate`")
    api_key: SecretStr | None = Field(None, description="API key of it, with all scopes")
    operator_key: SecretStr | None = Field(
        None, description="Bearer token that opens `/metrics` and `/readyz` of the gateway"
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Seals credentials at rest; needed outside `up` and `demo`. Or `NEW,OLD`",
    )

    batch_size: Annotated[int, Ge(1), Le(1000)] = Field(
        1000,
        description="Most devices handled by one task; five times as many of a large audience",
        json_schema_extra={"unit": "devices"},
    )
    doubt_window: Annotated[int, Ge(1), Le(1000)] = Field(
        512,
        description="Most sends per worker child that a SIGKILL can leave in doubt",
        json_schema_extra={"unit": "devices"},
    )
    ledger: Literal["all", "rows", "problems", "none"] = Field(
        "all",
        description="What is kept of each device: how it ended, by `all` with a bit where it was"
        " accepted, by `rows` with a row each and FCM's message name; all but accepted; or nothing",
    )
    members: Literal["plain", "close"] = Field(
        "plain",
        description="How a batch names its devices: in eight bytes each, or `close` in one or two,"
        " which no process of 0.2 or before can read",
    )
    retention_days: Annotated[int, Ge(1), Le(3650)] = Field(
        30, description="Finished messages are deleted after", json_schema_extra={"unit": "days"}
    )
    unknown_policy: Literal["once-if-collapsible", "at-most-once", "at-least-once"] = Field(
        "once-if-collapsible", description="Whether a device in doubt is sent to again"
    )

    lease_seconds: Annotated[int, Ge(1), Le(3600)] = Field(
        60,
        description="How long a worker owns a batch; taken over by another when it has passed",
        json_schema_extra={"unit": "s"},
    )
    send_timeout_seconds: Annotated[float, Gt(0), Le(600)] = Field(
        30,
        description="Most time for a slice to be answered; at most half of the lease",
        json_schema_extra={"unit": "s"},
    )
    tick_seconds: Annotated[float, Ge(0.1), Le(60)] = Field(
        1,
        description="How often beat looks for what is due; at most 1/6 of the visibility time-out",
        json_schema_extra={"unit": "s"},
    )
    empty_recipients: Literal["ignore", "refuse"] = Field(
        "ignore",
        description="What an empty `pushSinglecast` is over HTTP: not set, as an SDK sends it, or"
        " an error; in Python it is one",
    )
    catch_up: Literal["fire-once", "skip"] = Field(
        "fire-once", description="What becomes of a repeat's runs that were missed during a stop"
    )
    watchdog_seconds: Annotated[float, Ge(0), Le(86_400)] = Field(
        120,
        description="A worker that has work and ends none for so long gets new children; 0: never",
        json_schema_extra={"unit": "s"},
    )
    retry_profile: Literal["prompt", "patient"] = Field(
        "prompt",
        description="First wait after a provider's 5xx: 10 s, or the 15 minutes Apple asks for",
    )
    retry_factor: Annotated[float, Ge(0), Le(100)] = Field(
        1.0,
        description="Scales every back-off of ours, never a provider's Retry-After; for tests",
    )
    max_attempts: Annotated[int, Ge(1), Le(100)] = Field(
        8,
        description="A device that fails alone is given up after",
        json_schema_extra={"unit": "attempts"},
    )
    fcm_rate: Annotated[float, Ge(0), Le(1_000_000)] = Field(
        10_000,
        description="Most pushes by a Firebase credential, of all workers together; 0: no limit",
        json_schema_extra={"unit": "a second"},
    )
    apns_rate: Annotated[float, Ge(0), Le(1_000_000)] = Field(
        0,
        description="As well by an APNs credential; 0: until Apple says that it is too much",
        json_schema_extra={"unit": "a second"},
    )
    connections: Annotated[int, Ge(1), Le(16)] = Field(
        2,
        description="HTTP/2 connections per credential and worker child",
        json_schema_extra={"unit": "connections"},
    )
    key_prefix: str = Field(
        "push:", description="Before every key in Redis, so that others can share the server"
    )
    cors_origins: str = Field(
        "",
        description="Web origins that may use the HTTP API from a browser, separated by blanks",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto count",
    )
    console_user_header: str | None = Field(
        None,
        description="Header in which a proxy of PIPELINE_TRUSTED_PROXIES names who it let in to the"
        " console",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How processes write their log: lines for people, or an object each"
    )
    metrics_dir: Path | None = Field(
        None,
        description="Where this machine's processes keep what they count; the same for all of"
        " them. A private folder in the temporary directory without it",
    )
    visibility_timeout_seconds: Annotated[int, Ge(1), Le(86_400)] = Field(
        180,
        description="Redis hands an unacknowledged task out again after; the same in all processes",
        json_schema_extra={"unit": "s"},
    )

    def __init__(self, **values: Any) -> None:
        """Read the environment; `values` (field names) win over it.

        Raises:
            SettingsError: one line for each setting that is wrong, with what to do.
        """
        written = dotenv_values(ENV_FILE)
        given = (*os.environ, *written, *map(variable, values))
        wrong = unknown_names(given, type(self).model_fields) + never_run(written)
        if wrong:
            raise SettingsError("\n".join(wrong))
        try:
            super().__init__(**values)
        except ValidationError as invalid:
            lines = [wrong_value(problem, type(self).model_fields) for problem in invalid.errors()]
            raise SettingsError("\n".join(lines)) from None  # pydantic's text may show a secret

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in DATABASE_SCHEMES:
            raise ValueError("start it with postgresql:// or sqlite:///")
        if rest.partition("?")[0].count("@") > 1:  # what follows the first would count as the host
            raise ValueError("write what is special in a password as %XX: @ is %40")
        if scheme == "sqlite":
            return url
        return f"postgresql+psycopg://{rest}"  # the driver that the extra `postgres` installs

    @field_validator("broker_url")
    @classmethod
    def _broker(cls, url: str | None) -> str | None:
        return None if url is None else check_broker_url(url)

    @field_validator("budgets_url")
    @classmethod
    def _budgets(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://")):
            raise ValueError("start it with redis:// or rediss://")
        return None if url is None else check_broker_url(url)

    @field_validator("secret_key")
    @classmethod
    def _secret(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SECRET_KEY_MIN_LENGTH:
            raise ValueError(
                f"use {SECRET_KEY_MIN_LENGTH} characters or more: `openssl rand -hex 32` makes one"
            )
        return key

    @field_validator("api_key", "operator_key")
    @classmethod
    def _api_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            check_key(key.get_secret_value())
        return key

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, listed: str) -> str:
        try:
            _ = [ip_network(one) for one in listed.split()]
        except ValueError:
            raise ValueError("list addresses or networks, as in 10.0.0.7 192.168.0.0/24") from None
        return listed

    @property
    def push_services(self) -> tuple[str, ...]:
        """The push services of browsers that are allowed."""
        return tuple(self.webpush_hosts.lower().split())

    @model_validator(mode="after")
    def _together(self) -> Self:
        if 2 * self.send_timeout_seconds > self.lease_seconds:  # a slice may take two passes
            raise ValueError(
                "PIPELINE_SEND_TIMEOUT_SECONDS: make it half of PIPELINE_LEASE_SECONDS "
                f"({self.lease_seconds}) or less, or a batch is taken over while it is being sent"
            )
        if 6 * self.tick_seconds > self.visibility_timeout_seconds:
            # A tick looks ahead by a third of it, and must have come twice by then.
            raise ValueError(
                "PIPELINE_TICK_SECONDS: make it a sixth of PIPELINE_VISIBILITY_TIMEOUT_SECONDS "
                f"({self.visibility_timeout_seconds}) or less, or delayed messages are late"
            )
        if self.console_user_header is not None and not self.trusted_proxies:
            raise ValueError(
                "PIPELINE_CONSOLE_USER_HEADER: set PIPELINE_TRUSTED_PROXIES too, or anybody could"
                " write it"
            )
        if self.api_key is not None and self.app_id is None:
            raise ValueError("PIPELINE_API_KEY: set PIPELINE_APP_ID too, the key belongs to it")
        self._refuse_part_of_apns()
        self._refuse_part_of_sentinel()
        return self

    def _refuse_part_of_apns(self) -> None:
        ways = [name for name in _APNS_WAYS if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{variable(ways[1])}: give it, or {variable(ways[0])}, not both")
        ids = () if ways == ["apns_certificate_pem"] else ("apns_key_id", "apns_team_id")
        names = (*(ways or _APNS_WAYS[:1]), *ids, "apns_topic")
        missing = [variable(name) for name in names if getattr(self, name) is None]
        if 0 < len(missing) < len(names):
            raise ValueError(f"{missing[0]}: set it too, APNs needs key file, key, team and topic")

    def _refuse_part_of_sentinel(self) -> None:
        if is_sentinel(self.broker_url or "") and self.broker_master is None:
            raise ValueError(
                "PIPELINE_BROKER_MASTER: set it too, to the name in `sentinel monitor NAME …`"
            )


def get_settings() -> Settings:
    """Return the settings of this process, or of the application that is at work in it now.

    They are read at the first call. What a host gives wins over the environment.

    Raises:
        SettingsError: as `Settings`.
    """
    host = joined()
    return _read(host, host.scope() if host else None)


@lru_cache(maxsize=8)
def _read(host: Host | None, _scope: Hashable) -> Settings:
    if host is None:
        return Settings()
    given = host.setting_values()
    try:
        return Settings(**given)
    except SettingsError as error:
        raise SettingsError(_as_spelled(host, given, str(error))) from None


def _as_spelled(host: Host, given: Iterable[str], said: str) -> str:
    """Name the settings that a host gave as it writes them, in what is said about them."""
    for field in given:
        said = re.sub(rf"\b{variable(field)}\b", host.spelling(field), said)
    return said


def spelled(field: str) -> str:
    """Return the name of a setting as those write it who give it: a host, or the environment."""
    host = joined()
    return host.spelling(field) if host else variable(field)


def unset(field: str) -> str:
    """Say that a setting is missing, and which `.env` was asked for it."""
    return f"{spelled(field)} is not set ({env_file_found()})"


def reset_settings() -> None:
    """Forget what was read, so that the next `get_settings` reads again."""
    _read.cache_clear()


def settings_table() -> str:
    """Return all settings as a Markdown table: name, type, unit, default, meaning."""
    return table(Settings.model_fields)
