"""What is counted anywhere in an installation is seen by whoever asks its gateway."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import redis
from sqlalchemy import select, update

from push_pipeline import (
    create_broadcast_channel,
    db,
    push_to_broadcast_channel,
    queues,
    report_activity_token,
    telemetry,
    update_activity,
)
from push_pipeline.budgets import Ask, budget_key, limits_of
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, seal
from push_pipeline.directory.apps import add_key
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.models import BATCH, CREDENTIAL, DEVICE, RUN, Batch, Device, Run
from push_pipeline.settings import get_settings
from tests.audience import android, ios, subscribe
from tests.installation import APP
from tests.integration.gateway_stand import Client
from tests.integration.test_monitoring import FOLDER, documented, rules
from tests.processes import Process, cli, free_port, wait_until
from tests.running import QUICK, Stand
from tests.unit.senders.providers import TOPIC, certificate

OPERATOR_KEY = "the operators' key of the tests"
KEY = "0123456789abcdef0123456789abcdef"

EVENTS = re.findall(r"^\| (\w+) \| [\w, ]+ \|", telemetry.__doc__ or "", re.MULTILINE)[1:]

#: What a drill of its own shows: a worker that hangs or is gone, a host's commit that comes to
#: nothing.
ELSEWHERE = {"worker_stuck", "claims_released", "publish_lost"}

#: Seconds, on cores that other tests share.
PATIENCE = 60

Samples = dict[str, float]


def dashboard_queries() -> list[str]:
    dashboard = json.loads((FOLDER / "push-pipeline.dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [query.replace("$__rate_interval", "1m") for query in found]


class Prometheus:
    """A real one that scrapes a gateway every other second, with the rules of deploy/."""

    def __init__(self, spawn: Callable[..., Process], directory: Path, port: int) -> None:
        config = {
            "global": {"scrape_interval": "2s", "evaluation_interval": "1s"},
            "rule_files": [str(FOLDER / "push-pipeline.rules.yaml")],
            "scrape_configs": [
                {
                    "job_name": "push-pipeline",
                    "authorization": {"credentials": OPERATOR_KEY},
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                }
            ],
        }
        (directory / "prometheus.yaml").write_text(json.dumps(config))
        self.address = f"127.0.0.1:{free_port()}"
        words = {"config.file": "prometheus.yaml", "storage.tsdb.path": "tsdb"}
        paths = [f"--{name}={directory / path}" for name, path in words.items()]
        self.process = spawn("prometheus", f"--web.listen-address={self.address}", *paths)

    def says(self, path: str) -> dict:
        with urlopen(f"http://{self.address}/api/v1/{path}") as answer:
            return json.load(answer)["data"]

    def answers(self, query: str) -> bool:
        try:
            with urlopen(
                f"http://{self.address}/api/v1/query?{urlencode({'query': query})}"
            ) as told:
                return bool(json.load(told)["data"]["result"])
        except OSError:  # it does not listen yet
            return False


def scrape(url: str) -> Samples:
    asked = Request(url, headers={"Authorization": f"Bearer {OPERATOR_KEY}"})
    with urlopen(asked) as answer:
        lines = answer.read().decode().splitlines()
    told = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in told}


def event(name: str) -> str:
    return f'push_pipeline_events_total{{event="{name}"}}'


def await_all(wanted: list[str], has: Callable[[str], bool], process: Process) -> None:
    """Wait until it has been true of each once; else say of which it was not."""
    left = [*wanted]

    def none_left() -> bool:
        left[:] = [one for one in left if not has(one)]
        return not left

    try:
        wait_until(none_left, PATIENCE, "all that is awaited", every=0.2)
    except AssertionError as error:
        error.add_note(f"Missing: {left}\n{process.output[-3_000:]}")
        raise


@pytest.fixture
def busy(open_stand: Callable[..., Stand], postgresql_url: str) -> Stand:
    stand = open_stand(
        postgresql_url, operator_key=OPERATOR_KEY, tick_seconds=0.5, log_format="json"
    )
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=KEY)
        certified = ApnsCredential(certificate_pem="".join(certificate()), topic=TOPIC)
        sealed = seal(str(QUICK["secret_key"]), certified)
        put_credential(connection, APP, "apns", "sandbox", sealed, now_ms())
    return stand


def everything_happens(stand: Stand, api: Client) -> None:
    """Let each event of the table come true, by whatever makes it in production."""
    stand.subscribe(ios(30), android(10))
    stand.subscribe(ios(1, "dead"))
    stand.subscribe(ios(100, "bad0"), channel="wrong")
    subscribe(APP, android(5, "0429"), "ANDROID", "throttled")
    stand.subscribe(ios(1, "51de"), channel="slow")

    spend_the_budget_of_fcm(stand)
    registration = {"deviceId": "odd", "deviceToken": "9" * 64, "os": "IOS", "channels": ["odd"]}
    api("POST", "/messaging/registrations", {**registration, "timezone": "Atlantis"})
    first = api.publish("news", headers={"ios-interruption-level": "never"})
    stand.finish(first.body["messageId"])  # its credential is proven before tokens are refused
    tell_lock_screens(stand)
    with pytest.MonkeyPatch.context() as patch:  # a wake-up that is lost
        patch.setattr(queues, "wake_now", lambda _todo: True)
        lost = stand.installation.publish()
    with redis.Redis.from_url(stand.broker.url()) as client:
        client.lpush("push:apns", b"no envelope")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    queues._current().app.send_task(queues.TICK, queue=queues.SCHEDULE, expires=long_ago)
    for channel in ("wrong", "throttled"):
        api.publish(channel)
    overtake(stand, api)
    stand.finish(lost)
    with db.writing() as connection:
        connection.execute(update(Device).where(DEVICE.device_id == "odd").values(expires_at=1))
        old = update(Run).where(RUN.finished_at.is_not(None))
        connection.execute(old.values(finished_at=1))


def tell_lock_screens(stand: Stand) -> None:
    """Let a Live Activity have ended on its one device, and push to a broadcast channel."""
    [device_id] = stand.installation.register(ios(1, "ac"), channel="match")
    report_activity_token(device_id, *ios(1, "dead"), activity_id="match")
    update_activity("match", {"score": "1-0"})
    create_broadcast_channel("match")
    push_to_broadcast_channel("match", {"score": "1-0"})


def spend_the_budget_of_fcm(stand: Stand) -> None:
    """Leave nothing of it for the next moments, so that a batch waits for its turn."""
    with db.reading() as connection:
        statement = select(CREDENTIAL.id).where(CREDENTIAL.provider == "fcm")
        key = budget_key(connection.execute(statement).scalar_one())
    limits = limits_of("fcm", get_settings())
    more = int(limits.rate * (limits.burst_seconds + 5))
    budgets = stand.installation.context.budgets
    assert budgets.take(key, limits, Ask(more, 1, more, bulk=False)).allowed == more


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

    wait_until(taken, PATIENCE, "a worker that sends slowly")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_event_reaches_gateway_and_worker_port_and_every_panel_shows_something(
    busy: Stand, spawn: Callable[..., Process], tmp_path: Path
) -> None:
    gateway = spawn(*cli("gateway", "--port", "0"))
    own = str(free_port())
    worker = spawn(*cli("worker", "--concurrency", "2", "--metrics-port", own))
    busy.start_beat()
    port = int(gateway.wait_for("Application startup complete").split("http://127.0.0.1:")[1][:5])
    prometheus = Prometheus(spawn, tmp_path, port)
    worker.wait_for(" ready.")
    wait_until(lambda: prometheus.answers("push_pipeline_component_up"), PATIENCE, "a scrape")

    everything_happens(busy, Client(port, f"/{APP}/{KEY}"))

    metrics = f"http://127.0.0.1:{port}/metrics"
    here_too = [name for name in EVENTS if name not in ELSEWHERE]
    await_all(here_too, lambda name: scrape(metrics)[event(name)] > 0, worker)
    everywhere, here = scrape(metrics), scrape(f"http://127.0.0.1:{own}/metrics")
    accepted = 'push_pipeline_deliveries_total{outcome="accepted",platform="IOS"}'
    assert everywhere[accepted] == here[accepted] >= 60
    assert here['push_pipeline_slice_seconds_count{platform="ANDROID"}'] > 0
    assert here[event("registration_changed")] == 0 < everywhere[event("registration_changed")]
    assert {event(name) for name in ELSEWHERE} <= everywhere.keys()
    names = {re.sub(r"_(bucket|count|sum)$", "", re.sub("{.*", "", one)) for one in everywhere}
    assert {one for one in names if one.startswith("push_pipeline")} == documented()

    asked = dashboard_queries() + [rule["record"] for rule in rules() if "record" in rule]
    await_all(asked, prometheus.answers, prometheus.process)

    lines = [line for one in (gateway, worker) for line in one.output.splitlines()]
    told = [json.loads(line) for line in lines if line.startswith("{")]  # not what Python warns of
    logged = {line["action"] for line in told if "action" in line}
    assert {"run_stopped", "lease_lost", "route_rested", "http_request"} <= logged
    assert "celery.apps.worker" in {line["logger"] for line in told}
