"""What is counted anywhere in an installation is seen by whoever asks its gateway."""

import re
from collections.abc import Callable
from urllib.request import Request, urlopen

import pytest
import redis
from sqlalchemy import update

from push_pipeline import db, queues, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from push_pipeline.models import BATCH, DEVICE, RUN, Batch, Device, Run
from tests.audience import android, ios, subscribe
from tests.installation import APP
from tests.integration.gateway_stand import Client
from tests.processes import Process, cli, free_port, wait_until
from tests.running import Stand

OPERATOR_KEY = "the operators' key of the tests"
KEY = "0123456789abcdef0123456789abcdef"

EVENTS = re.findall(r"^\| (\w+) \| [\w, ]+ \|", telemetry.__doc__ or "", re.MULTILINE)[1:]

Samples = dict[str, float]


def scrape(url: str) -> Samples:
    asked = Request(url, headers={"Authorization": f"Bearer {OPERATOR_KEY}"})
    with urlopen(asked) as answer:
        lines = answer.read().decode().splitlines()
    told = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in told}


def event(name: str) -> str:
    return f'pipeline_events_total{{event="{name}"}}'


@pytest.fixture
def busy(open_stand: Callable[..., Stand], postgresql_url: str) -> Stand:
    stand = open_stand(postgresql_url, operator_key=OPERATOR_KEY, tick_seconds=0.5)
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=KEY)
    return stand


def everything_happens(stand: Stand, api: Client) -> None:
    """Let each event of the table come true, by whatever makes it in production."""
    stand.subscribe(ios(30), android(10))
    stand.subscribe(ios(40, "bad0"), channel="wrong")
    subscribe(APP, android(5, "0429"), "ANDROID", "throttled")
    stand.subscribe(ios(1, "51de"), channel="slow")

    registration = {"deviceId": "odd", "deviceToken": "9" * 64, "os": "IOS", "channels": ["odd"]}
    api("POST", "/messaging/registrations", {**registration, "timezone": "Atlantis"})
    api.publish("news", headers={"ios-interruption-level": "never"})
    with pytest.MonkeyPatch.context() as patch:  # a wake-up that is lost
        patch.setattr(queues, "wake_now", lambda _todo: True)
        lost = stand.installation.publish()
    with redis.Redis.from_url(stand.broker.url()) as client:
        client.lpush("push:apns", b"no envelope")
    for channel in ("wrong", "throttled"):
        api.publish(channel)
    overtake(stand, api)
    stand.finish(lost)
    with db.writing() as connection:
        connection.execute(update(Device).where(DEVICE.device_id == "odd").values(expires_at=1))
        old = update(Run).where(RUN.finished_at.is_not(None))
        connection.execute(old.values(finished_at=1))


def overtake(stand: Stand, api: Client) -> None:
    """Take a batch from the worker that is sending it."""
    stand.simulator.behave(slow_seconds=1.5)
    slow = BATCH.run_id == stand.installation.run_id(api.publish("slow").body["messageId"])

    def taken() -> object:
        with db.writing() as connection:
            return connection.execute(
                update(Batch)
                .where(slow, BATCH.lease_until.is_not(None))
                .values(claims=BATCH.claims + 1)
                .returning(BATCH.id)
            ).first()

    wait_until(taken, 20, "a worker that sends slowly")


@pytest.mark.slow
def test_every_event_reaches_the_gateway_and_the_port_of_its_worker(
    busy: Stand, spawn: Callable[..., Process]
) -> None:
    gateway = spawn(*cli("gateway", "--port", "0"))
    own = str(free_port())
    worker = spawn(*cli("worker", "--concurrency", "2", "--metrics-port", own))
    busy.start_beat()
    port = int(gateway.wait_for("Application startup complete").split("http://127.0.0.1:")[1][:5])
    worker.wait_for(" ready.")

    everything_happens(busy, Client(port, f"/{APP}/{KEY}"))

    metrics = f"http://127.0.0.1:{port}/metrics"
    wait_until(
        lambda: all(scrape(metrics)[event(name)] for name in EVENTS), 30,
        f"each of {EVENTS}, in {worker.output[-2_000:]}",
    )  # fmt: skip
    everywhere, here = scrape(metrics), scrape(f"http://127.0.0.1:{own}/metrics")
    accepted = 'pipeline_deliveries_total{outcome="accepted",platform="IOS"}'
    assert everywhere[accepted] == here[accepted] >= 60
    assert here['pipeline_slice_seconds_count{platform="ANDROID"}'] > 0
    assert here[event("registration_changed")] == 0 < everywhere[event("registration_changed")]
