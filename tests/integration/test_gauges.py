"""What a scrape reads from the database, on both kinds."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from push_pipeline import db, publish
from push_pipeline.clock import now_ms
from push_pipeline.credentials import seal, seal_text
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.gateway.gauges import PipelineGauges
from push_pipeline.models import RUN, Run
from push_pipeline.settings import Settings
from push_workers.testing import inline
from tests.unit.senders.providers import TOPIC, apns_credential, certificate

SECRET = "a secret of the tests, long enough for it"

DAY = 86_400


@pytest.fixture(autouse=True)
def app(database_url: str, configure: Callable[..., Settings]) -> None:
    configure(database_url=database_url, broker_url="redis://127.0.0.1:1/0", secret_key=SECRET)
    for app_id in ("ONE", "TWO", "THREE"):
        with db.writing() as connection:
            ensure_app(connection, app_id, app_id, now_ms())


def read(gauges: PipelineGauges, name: str) -> dict[str, float]:
    [family] = [one for one in gauges.collect() if one.name == f"push_pipeline_{name}"]
    return {next(iter(sample.labels.values()), ""): sample.value for sample in family.samples}


def put(app_id: str, environment: str, sealed: bytes) -> None:
    with db.writing() as connection:
        put_credential(connection, app_id, "apns", environment, sealed, now_ms())


def of_certificate(days: int) -> bytes:
    """Seal as was sealed before, when the certificate was not over yet."""
    fields = {"topic": TOPIC, "certificate_pem": "".join(certificate(days=days))}
    return seal_text(SECRET, json.dumps({"provider": "apns", "credential": fields}))


def test_the_first_end_of_a_certificate_is_shown_also_when_it_is_over() -> None:
    gauges, name = PipelineGauges(), "credential_expires_timestamp_seconds"
    put("ONE", "production", seal(SECRET, apns_credential()))
    put("ONE", "sandbox", seal("another secret, which nobody knows any more", apns_credential()))
    assert read(gauges, name) == {}

    now = datetime.now(UTC).timestamp()
    put("TWO", "production", of_certificate(30))
    put("THREE", "production", of_certificate(-3))
    assert read(gauges, name) == {"production": pytest.approx(now - 3 * DAY, abs=60)}
    put("THREE", "production", of_certificate(90))  # a new version
    assert read(gauges, name) == {"production": pytest.approx(now + 30 * DAY, abs=60)}


def test_a_run_that_nobody_begins_is_seen_to_wait() -> None:
    gauges, name = PipelineGauges(), "oldest_run_wait_seconds"
    with inline() as provider:
        publish("news", "Later", None, {"publish_at": now_ms() + 3_600_000}, app="ONE")
        assert read(gauges, name) == {"": 0}
        publish("news", "Now", app="ONE")
        with db.writing() as connection:
            late = update(Run).where(RUN.due_at <= now_ms())
            connection.execute(late.values(due_at=RUN.due_at - 70_000))
        assert 70 <= read(gauges, name)[""] < 130
        provider.run()
    assert read(gauges, name) == {"": 0}
