"""`doctor --live`: what each provider says to a connection and a sign-in, without a push."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, FcmCredential, seal
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.models import CREDENTIAL, Credential
from push_pipeline.settings import Settings
from tests.in_process import run_cli
from tests.installation import APP, Installation
from tests.unit.senders.providers import TOPIC, certificate

pytestmark = pytest.mark.usefixtures("nobody_answers")


def told(*words: str) -> list[str]:
    lines = run_cli("doctor", *words).stdout.splitlines()
    return [line for line in lines if line[5:].startswith(("live", "credentials"))]


def test_a_credential_is_tried_for_real_and_nothing_is_pushed(installation: Installation) -> None:
    untried = "open, never tried: `doctor --live` connects to it"
    assert told("--live") == [
        f"ok   credentials  {APP} apns production: {untried}",
        f"ok   credentials  {APP} fcm: {untried}",
        f"ok   credentials  {APP} webpush apple: {untried}",
        f"ok   live         {APP} apns production: lets us in",
        f"ok   live         {APP} fcm: lets us in",
        f"ok   live         {APP} webpush apple: lets us in",
    ]
    assert installation.simulator.received() == {}

    installation.register(["ab" * 32])
    installation.work(installation.publish())
    certified = ApnsCredential(certificate_pem="".join(certificate(days=9)), topic=TOPIC)
    with db.writing() as connection:
        sealed = seal("a secret of the tests only", certified)
        put_credential(connection, APP, "apns", "sandbox", sealed, now_ms())
    apns, sandbox, *_ = sorted(told())
    assert "apns production: open, the last push was taken " in apns
    assert sandbox.endswith("; its certificate ends in 9 days")


def test_a_trial_says_what_is_wrong(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    simulator = installation.simulator
    away = FcmCredential.from_service_account_file(
        simulator.service_account_file, url="https://127.0.0.1:1"
    )
    with db.writing() as connection:
        connection.execute(
            update(Credential)
            .where(CREDENTIAL.provider == "fcm")
            .values(sealed=seal("a secret of the tests only", away))
        )
        connection.execute(
            update(Credential)
            .where(CREDENTIAL.provider == "apns")
            .values(sealed=seal("another secret, not ours", away))
        )

    refused, _, _, not_tried, not_reached, _ = told("--live")

    assert refused.startswith(
        f"BAD  credentials  {APP} apns production: refused by us, the provider"
    )
    assert "sealed with another PIPELINE_SECRET_KEY" in refused
    assert not_tried.startswith(f"BAD  live         {APP} apns production: not tried: ")
    assert not_reached == f"BAD  live         {APP} fcm: ConnectFailed"
