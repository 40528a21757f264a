"""What the commands of `app` change beside its keys: credentials and access, each at once."""

from collections.abc import Callable

from push_pipeline import db
from push_pipeline.cli.output import say
from push_pipeline.clock import now_ms
from push_pipeline.credentials import Credential, seal
from push_pipeline.directory.access import Access, TokenRules, find_access, put_access
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import SettingsError
from push_pipeline.ledger.new_credential import change_credential
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
