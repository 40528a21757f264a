"""What the commands of `app` change beside its keys: credentials and access, each at once."""

from collections.abc import Callable

from push_pipeline import db
from push_pipeline.cli.output import say
from push_pipeline.clock import now_ms
from push_pipeline.credentials import Credential, WebPushCredential, seal, unseal
from push_pipeline.directory.access import Access, TokenRules, find_access, put_access
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.provider_routes import find_push_key
from push_pipeline.errors import BadCredential, SettingsError
from push_pipeline.ledger.new_credential import change_credential, change_push_key
from push_pipeline.settings import get_settings, unset


def store_credential(
    app_id: str, provider: str, environment: str, credential: Credential, origin: str
) -> None:
    """Seal a credential, and where it is from, and store it in place of the one that the app had.

    Raises:
        UnknownApp: there is no such app.
        SettingsError: there is no secret to seal it with.
    """
    sealed = seal(sealing_secret(), credential, origin)
    with db.writing() as connection:
        known = resolve_app(connection, app_id)
        change_credential(connection, known, provider, environment, sealed, now_ms())
    say(f"stored for {known}: {' '.join(filter(None, (provider, environment)))}")


def store_push_key(
    app_id: str, subject: str, pem: str | None, origin: str | None, *, replace: bool
) -> WebPushCredential:
    """Store the key that an app shows to browsers' push services; make one where none is given.

    A key that the app has stays, unless another one is to `replace` it: each subscription is
    bound to its key for life.

    Raises:
        UnknownApp: there is no such app.
        BadCredential: the key or the subject cannot be used, or would replace another one.
        SettingsError: there is no secret to seal it with.
    """
    secret = sealing_secret()
    with db.writing() as connection:
        known = resolve_app(connection, app_id)
        sealed = find_push_key(connection, known)
        old = None if sealed is None or replace else _push_key(secret, sealed)
        if pem is not None:
            new = WebPushCredential.from_text(pem, subject)
        elif old is not None:
            new = WebPushCredential.from_text(old.key_pem, subject)
        else:
            new = WebPushCredential.generate(subject)
        if old is not None and old.public_key != new.public_key:
            raise BadCredential(
                f"{known} has another key, which its browsers have subscribed with: --replace ends"
                " their subscriptions"
            )
        change_push_key(connection, known, seal(secret, new, origin), now_ms())
    return new


def _push_key(secret: str, sealed: bytes) -> WebPushCredential | None:
    found = unseal(secret, sealed)
    return found if isinstance(found, WebPushCredential) else None


def change_access(app_id: str, change: Callable[[Access], Access]) -> None:
    """Write what `change` makes of an app's access.

    Raises:
        UnknownApp: there is no such app.
    """
    with db.writing() as connection:
        access = find_access(connection, resolve_app(connection, app_id))
        put_access(connection, change(access), now_ms())


def sealing_secret() -> str:
    """Return the secret that seals what is stored.

    Raises:
        SettingsError: it is not set.
    """
    secret = get_settings().secret_key
    if secret is None:
        raise SettingsError(f"{unset('secret_key')}: it seals what is stored")
    return secret.get_secret_value()


def describe(rules: TokenRules | None) -> str:
    """Say in a line which user tokens are taken."""
    if rules is None:
        return "none are taken"
    source = rules.jwks_url or "a key of the app"
    return f"{' or '.join(rules.algorithms)} by {source}, audience {rules.audience or 'none'}"
