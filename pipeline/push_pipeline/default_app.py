"""The default app, its API key and its credentials: made to be what the settings say."""

from collections.abc import Iterator
from typing import NamedTuple

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import (
    ApnsCredential,
    Credential,
    FcmCredential,
    WebPushCredential,
    seal,
    unseal,
)
from push_pipeline.credentials.fcm import OF_THE_MACHINE
from push_pipeline.credentials.files import read_text
from push_pipeline.directory.apps import add_key, ensure_app
from push_pipeline.directory.provider_routes import find_credential
from push_pipeline.errors import BadCredential, SettingsError
from push_pipeline.ledger.new_credential import change_credential
from push_pipeline.platform import VENDORS
from push_pipeline.settings import Settings, spelled, unset


class Given(NamedTuple):
    """A credential that the settings give, where it comes from, and the place it is kept at."""

    provider: str
    environment: str
    credential: Credential
    origin: str


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
        for provider, environment, credential, origin in given:
            stored = find_credential(connection, settings.app_id, provider, environment)
            if not _is_same(secret, stored, credential):
                sealed = seal(secret, credential, origin)
                change_credential(connection, settings.app_id, provider, environment, sealed, now)


def configured(settings: Settings) -> list[Credential]:
    """Return the credentials that the settings give.

    Raises:
        BadCredential: a file cannot be used.
    """
    return [one.credential for one in _given(settings)]


def _given(settings: Settings) -> Iterator[Given]:
    apns = _apns_text(settings)
    if apns is not None:
        text, origin = apns
        credential = ApnsCredential.from_text(
            text,
            key_id=settings.apns_key_id,
            team_id=settings.apns_team_id,
            topic=settings.apns_topic or "",
            environment=settings.apns_environment,
            url=settings.apns_url,
        )
        yield Given("apns", settings.apns_environment, credential, origin)
    fcm = _fcm(settings)
    if fcm is not None:
        yield Given("fcm", "", *fcm)
    webpush = _webpush(settings)
    if webpush is not None:
        yield from (Given("webpush", vendor, *webpush) for vendor in VENDORS)


def _webpush(settings: Settings) -> tuple[WebPushCredential, str] | None:
    if settings.webpush_key_pem is not None:
        text = settings.webpush_key_pem.get_secret_value()
        origin = f"the setting {spelled('webpush_key_pem')}"
    elif settings.webpush_key_file is not None:
        text = read_text("Web Push key", settings.webpush_key_file)
        origin = f"the file {settings.webpush_key_file}"
    else:
        return None
    return WebPushCredential.from_text(text, settings.webpush_subject), origin


def _apns_text(settings: Settings) -> tuple[str, str] | None:
    """Return the text of the key or certificate, and where it is from."""
    for field in ("apns_key_pem", "apns_certificate_pem"):
        secret = getattr(settings, field)
        if secret is not None:
            return secret.get_secret_value(), f"the setting {spelled(field)}"
    path = settings.apns_key_file
    return None if path is None else (read_text("APNs key", path), f"the file {path}")


def _fcm(settings: Settings) -> tuple[FcmCredential, str] | None:
    url, path = settings.fcm_url, settings.fcm_service_account_file
    if settings.fcm_service_account_json is not None:
        name = spelled("fcm_service_account_json")
        text = settings.fcm_service_account_json.get_secret_value()
        return FcmCredential.from_text(text, name, url=url), f"the setting {name}"
    if path is not None:
        return FcmCredential.from_service_account_file(path, url=url), f"the file {path}"
    if settings.fcm_project_id is not None:
        return FcmCredential(project=settings.fcm_project_id, url=url), OF_THE_MACHINE
    return None


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
