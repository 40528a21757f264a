"""The release before works beside this one: its worker on our schema and messages, ours on its."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from push_pipeline import db, migrations, publish, push_with_template
from push_pipeline.clock import now_ms
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.settings import reset_settings
from tests.audience import android, everything_that_ended, ios
from tests.installation import APP
from tests.running import Stand

#: The wheel of the release before; tests/upgrade/keep_release.sh makes it of that release's commit.
(WHEEL,) = (Path(__file__).parents[1] / "upgrade").glob("*.whl")

#: The release before at work: what it says of the schema, and what it publishes on it.
OLD_AT_WORK = """
import json, sys, time
import push_pipeline
from push_pipeline import db, migrations, publish, push_with_template
migrations.upgrade(db.engine())
with db.reading() as connection:
    schema = migrations.state(connection)
sent = [publish("news", {"default": "Hi", "de": "Hallo"}, {"headers": {"ios-badge": "+1"}}),
        push_with_template("greeting"),
        publish("news", "one", delivery_options={"pushSinglecast": sys.argv[1:]}),
        publish("news", "later", delivery_options={"publishAt": int(time.time() * 1000) + 1500})]
print(json.dumps({"from": push_pipeline.__file__, "schema": schema,
                  "sent": [one.message_id for one in sent]}))
"""


@pytest.fixture
def before(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which Python finds the release before, and Celery its worker."""
    monkeypatch.delenv("PIPELINE_WEBPUSH_HOSTS")  # of ours alone: it refuses what it does not know
    reset_settings()
    place = tmp_path / "release"
    with ZipFile(WHEEL) as wheel:
        wheel.extractall(place)
    return {"PYTHONPATH": str(place)}


def test_releases_work_side_by_side(stand: Stand, before: dict[str, str]) -> None:
    tokens = (*ios(3), *android(2))
    devices = stand.installation.register(ios(3), locale="de-AT")
    stand.installation.register(android(2), "ANDROID")
    with db.writing() as connection:
        greeting = PUSH.read({"name": "greeting", "message": "Hello", "channelName": "news"})
        put_template(connection, APP, PUSH, greeting, now_ms())

    # The schema is ours by now, and the release before is started anew on it.
    old = stand.start_worker(**before)
    stand.start_beat()
    for message_id in we_publish(devices[:1]):
        assert stand.finish(message_id)["accepted"] > 0

    # Now it is the other way round: what that release wrote and put on the queues is ours to send.
    old.stop()
    told = at_work(before, devices[0])
    assert told["from"].startswith(before["PYTHONPATH"])
    revision, usable, *_ = told["schema"]
    assert (revision, usable) == (migrations.head(), True)
    stand.start_worker()
    for message_id in told["sent"]:
        assert stand.finish(message_id)["accepted"] > 0
    accepted = [one for one in everything_that_ended() if one.outcome == "accepted"]
    assert len(accepted) == sum(stand.simulator.received().values())
    assert stand.simulator.received() == {token: 8 if token == tokens[0] else 6 for token in tokens}


def we_publish(named: list[str]) -> list[str]:
    """Publish with this release what the other one publishes with its own."""
    texts = {"default": "Hi", "de": "Hallo"}
    return [
        publish("news", texts, {"headers": {"ios-badge": "+1"}}).message_id,
        push_with_template("greeting").message_id,
        publish("news", "one", delivery_options={"pushSinglecast": named}).message_id,
        publish("news", "later", delivery_options={"publishAt": now_ms() + 1500}).message_id,
    ]


def at_work(before: dict[str, str], device_id: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", OLD_AT_WORK, device_id],
        env={**os.environ, **before},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
