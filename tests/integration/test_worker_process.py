"""What a worker process keeps between its tasks, and what it lets go of."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from push_pipeline import db
from push_pipeline.credentials import seal
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.errors import BadCredential
from push_pipeline.models import CREDENTIAL, Credential
from push_pipeline.settings import Settings
from push_workers.delivery import process
from tests.unit.senders.providers import apns_credential
from tests.unit.workers.test_rules import BATCH

SECRET = "a secret of the tests only"


@pytest.fixture
def routes(configure: Callable[..., Settings], sqlite_url: str) -> list[int]:
    """The keys of three credentials, each of an app of its own."""
    configure(database_url=sqlite_url, secret_key=SECRET)
    with db.writing() as connection:
        for app in ("a", "b", "c"):
            ensure_app(connection, app, app, 1)
            put_credential(connection, app, "apns", "", seal(SECRET, apns_credential()), 1)
        return list(connection.scalars(select(CREDENTIAL.id).order_by(CREDENTIAL.id)))


def test_only_the_credentials_used_last_are_kept_decrypted(
    routes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CREDENTIALS_KEPT", 2)
    context = process.Context()
    first, second, third = (
        BATCH._replace(credential_id=key, credential_version=1) for key in routes
    )
    for batch in (first, second, first, third):
        context.sender(batch)

    with db.writing() as connection:  # what is not kept cannot be read any more
        connection.execute(delete(Credential))
    context.sender(first)
    context.sender(third)
    with pytest.raises(BadCredential):
        context.sender(second)
    context.close()
