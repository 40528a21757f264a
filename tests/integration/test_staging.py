"""What a drill on staging looks at before it begins, and how it takes all away again."""

import pytest
from sqlalchemy import func, select

from push_pipeline import db
from push_pipeline.cli.staging import hosts_of, refuse_real_providers
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, FcmCredential, WebPushCredential
from push_pipeline.directory.apps import ensure_app
from push_pipeline.errors import NotForDrills
from push_pipeline.ledger.removal import find_apps, find_under_way, remove_some
from push_pipeline.models import App, Batch, Credential, Delivery, Device, Message, Run
from push_pipeline.platform import KNOWN_HOSTS
from push_workers.simulator import Simulator
from tests.audience import android, ios
from tests.installation import APP, Installation

TABLES = (App, Batch, Credential, Delivery, Device, Message, Run)


def test_credentials_are_judged_by_every_host_that_is_asked_with_them(
    simulator: Simulator,
) -> None:
    apns = ApnsCredential.from_key_file(
        simulator.key_file, key_id=simulator.key_id, team_id=simulator.team_id, topic="com.example"
    )
    fcm = FcmCredential.from_service_account_file(
        simulator.service_account_file, url=simulator.fcm_url
    )
    machine = FcmCredential(project="one", url=simulator.fcm_url)
    assert hosts_of(apns) == ["api.push.apple.com"]
    assert set(hosts_of(fcm)) == {"localhost"}
    assert hosts_of(machine)[1] == "oauth2.googleapis.com"

    browsers = WebPushCredential.generate("mailto:me@shop.example.org")
    refuse_real_providers([("one", fcm), ("two", browsers)], ["localhost:4433"])
    refuse_real_providers([("one", fcm)], KNOWN_HOSTS)
    for wrong in (apns, machine, browsers):
        with pytest.raises(NotForDrills, match="two leads to"):
            refuse_real_providers([("one", fcm), ("two", wrong)], ["localhost:4433", "*"])


def test_an_app_is_removed_with_its_ledger_and_all_others_stay(installation: Installation) -> None:
    with db.writing() as connection:
        ensure_app(connection, "OTHER_1", "Another app", now_ms())
    before = counts()
    installation.register(ios(3))
    installation.register(android(2), "ANDROID")
    installation.work(installation.publish())
    later = installation.publish(publish_at=now_ms() + 60_000)
    with db.reading() as connection:
        assert find_under_way(connection, now_ms() + 30_000) is None
        assert find_under_way(connection, now_ms() + 90_000) == (APP, later)
        assert find_under_way(connection, now_ms() + 90_000, "OTHER_1") is None
        assert find_apps(connection, "OTHER_", now_ms() + 1) == ["OTHER_1"]
        assert find_apps(connection, "OTHER_", 1) == find_apps(connection, "O_", now_ms()) == []

    more = True
    while more:
        with db.writing() as connection:
            more = remove_some(connection, APP)

    gone = {"pipeline_app": 1, "pipeline_credential": before["pipeline_credential"]}
    assert counts() == {name: count - gone.get(name, 0) for name, count in before.items()}


def counts() -> dict[str, int]:
    with db.reading() as connection:
        return {
            table.__tablename__: connection.scalar(select(func.count()).select_from(table))
            for table in TABLES
        }
