"""A provider that is overloaded or fails for everybody: a message waits, however long it takes."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.models import BATCH, CREDENTIAL, Credential
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import android, ios
from tests.installation import Installation

DEVICES = 30

#: More rounds than a device has attempts.
ROUNDS = 9

OVERLOADED = [
    {"status": 429, "reason": "TooManyProviderTokenUpdates", "retry_after": 1},
    {"status": 503, "reason": "ServiceUnavailable", "retry_after": 1},
    {"status": 500, "reason": "InternalServerError"},
]


@pytest.fixture
def patient(installation: Installation, configure: Callable[..., Settings]) -> Installation:
    """The app, with waits of our own as they are; the test lets them be over."""
    configure(retry_factor=1)
    installation.context = Context()
    return installation


@pytest.mark.parametrize("answer", OVERLOADED, ids=lambda one: f"{one['status']}-{one['reason']}")
def test_an_overloaded_provider_uses_up_no_attempt_and_is_asked_by_one_probe(
    patient: Installation, answer: dict[str, object]
) -> None:
    patient.simulator.rules([{"match": {"provider": "apns"}, "action": answer}])
    patient.register(ios(DEVICES))
    message_id = patient.publish()

    for _ in range(ROUNDS):
        open_routes()
        patient.hurry()
        run = patient.work(message_id)

    assert (run["inFlight"], run["rejected"]) == (DEVICES, 0)
    with db.reading() as connection:
        assert set(connection.scalars(select(BATCH.attempt))) <= {1, 2}
    assert len(patient.simulator.log()) <= DEVICES + 2 * ROUNDS

    patient.simulator.rules([])
    while run["inFlight"]:
        open_routes()
        patient.hurry()
        run = patient.work(message_id)
    assert run["accepted"] == DEVICES


def test_a_small_retry_after_does_not_shorten_our_own_rest(
    patient: Installation,
) -> None:
    answer = {"status": 429, "retry_after": 1}
    patient.simulator.rules([{"match": {"provider": "fcm"}, "action": answer}])
    patient.register(android(DEVICES), "ANDROID")

    patient.work(patient.publish())

    with db.reading() as connection:
        (until,) = connection.scalars(
            select(CREDENTIAL.paused_until).where(CREDENTIAL.paused_until > 0)
        )
        waits = set(connection.scalars(select(BATCH.not_before).where(BATCH.finished_at.is_(None))))
    assert min(until, *waits) > now_ms() + 50_000


def open_routes() -> None:
    """Let every rest be over."""
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=None))


@pytest.mark.parametrize("fault", ["error", "untrusted"])
def test_nobody_is_given_up_while_googles_token_endpoint_is_away(
    patient: Installation, configure: Callable[..., Settings], fault: str
) -> None:
    trusted = patient.simulator.ca_file
    if fault == "error":
        patient.simulator.behave(oauth_fault=fault)
    else:
        configure(ca_file=None)
        patient.context = Context()
    patient.register(android(DEVICES), "ANDROID")
    message_id = patient.publish()

    for _ in range(ROUNDS):
        open_routes()
        patient.hurry()
        run = patient.work(message_id)

    assert (run["inFlight"], run["rejected"]) == (DEVICES, 0)
    with db.reading() as connection:
        assert set(connection.scalars(select(BATCH.attempt))) == {1}
        (why,) = connection.execute(
            select(CREDENTIAL.rest_cause, CREDENTIAL.rest_reason).where(CREDENTIAL.paused_until > 0)
        )
    assert tuple(why) == (
        "sign-in",
        "OAuthUnavailable" if fault == "error" else "OAuthTlsFailed",
    )

    patient.simulator.behave(oauth_fault="")
    configure(ca_file=trusted)
    patient.context = Context()
    while run["inFlight"]:
        open_routes()
        patient.hurry()
        run = patient.work(message_id)
    assert run["accepted"] == DEVICES
