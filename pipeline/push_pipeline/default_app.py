"""The default app, its API key and its credentials: made to be what the settings say."""

from collections.abc import Iterator
from typing import NamedTuple

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, Credential, FcmCredential, seal, unseal
from push_pipeline.directory.apps import add_key, ensure_app
from push_pipeline.directory.provider_routes import find_credential
from push_pipeline.errors import BadCredential, SettingsError
from push_pipeline.ledger.new_credential import change_credential
from push_pipeline.settings import Settings, unset


class Given(NamedTuple):
    """A credential that the settings give, and the place it is kept at."""

    provider: str
    environment: str
    credential: Credential


def sync(settings: Settings) -> None:
    """Create the default app with its key, and store the credentials that were given.

    Nothing happens without PIPELINE_APP_ID. Twice changes nothing: a credential that is stored
    already is left as it is, so that its workers keep their connections. Two at the same time
    may both store the same new credential, which costs one reconnect.

    Raises:
        BadCredential: a file cannot be used; nothing was written.
        SettingsError: credentials are given but nothing to seal them with.
    """
    if settings.app_id is None:
        return
    given = list(_given(settings))
    secret = _secret(settings) if given else ""
    now = now_ms()
    with db.writing() as connection:
        ensure_app(connection, settings.app_id, settings.app_id, now)
        if settings.api_key is not None:
            add_key(connection, settings.app_id, now, key=settings.api_key.get_secret_value())
        for provider, environment, credential in given:
            stored = find_credential(connection, settings.app_id, provider, environment)
            if not _is_same(secret, stored, credential):
                sealed = seal(secret, credential)
                change_credential(connection, settings.app_id, provider, environment, sealed, now)


def _given(settings: Settings) -> Iterator[Given]:
    if settings.apns_key_file is not None:
        environment = settings.apns_environment
        credential = ApnsCredential.from_key_file(
            settings.apns_key_file,
            key_id=settings.apns_key_id or "",
            team_id=settings.apns_team_id or "",
            topic=settings.apns_topic or "",
            environment=environment,
            url=settings.apns_url,
        )
        yield Given("apns", environment, credential)
    if settings.fcm_service_account_file is not None:
        account = settings.fcm_service_account_file
        yield Given(
            "fcm", "", FcmCredential.from_service_account_file(account, url=settings.fcm_url)
        )


def _secret(settings: Settings) -> str:
    if settings.secret_key is None:
        raise SettingsError(
            f"{unset('secret_key')}: it seals the credentials; `openssl rand -hex 32` makes one"
        )
    return settings.secret_key.get_secret_value()


def _is_same(secret: str, stored: bytes | None, given: Credential) -> bool:
    """Tell whether a stored credential is the given one; one that cannot be opened is not."""
    if stored is None:
        return False
    try:
        return unseal(secret, stored) == given
    except BadCredential:
        return False
