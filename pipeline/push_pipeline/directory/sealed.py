"""Everything that is sealed with PIPELINE_SECRET_KEY, wherever it is kept: listed, replaced."""

from typing import NamedTuple

from sqlalchemy import Connection, select, update

from push_pipeline.models import APP_ACCESS, CREDENTIAL, AppAccess, Credential


class Sealed(NamedTuple):
    """One sealed value: `name` is for people, `key` is its row's."""

    table: type[Credential | AppAccess]
    key: int | str
    name: str
    value: bytes


def list_sealed(connection: Connection) -> list[Sealed]:
    """List all that is sealed, in a fixed order."""
    credentials = select(
        CREDENTIAL.id, CREDENTIAL.app_id, CREDENTIAL.provider, CREDENTIAL.environment
    ).add_columns(CREDENTIAL.sealed)
    found = [
        Sealed(Credential, key, " ".join(filter(None, (app_id, provider, environment))), value)
        for key, app_id, provider, environment, value in connection.execute(
            credentials.order_by(CREDENTIAL.id)
        )
    ]
    token_keys = select(APP_ACCESS.app_id, APP_ACCESS.token_key).order_by(APP_ACCESS.app_id)
    found += [
        Sealed(AppAccess, app_id, f"{app_id} user tokens", value)
        for app_id, value in connection.execute(token_keys)
        if value is not None
    ]
    return found


def replace_sealed(connection: Connection, one: Sealed, value: bytes) -> bool:
    """Store a value sealed anew; False where somebody stored another one meanwhile.

    It is the same value: no version changes, and workers keep their connections.
    """
    if one.table is Credential:
        of_row = (CREDENTIAL.id == one.key, CREDENTIAL.sealed == one.value)
        statement = update(Credential).where(*of_row).values(sealed=value)
    else:
        of_row = (APP_ACCESS.app_id == one.key, APP_ACCESS.token_key == one.value)
        statement = update(AppAccess).where(*of_row).values(token_key=value)
    return bool(connection.execute(statement).rowcount)
