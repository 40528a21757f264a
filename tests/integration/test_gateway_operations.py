"""What an operator sees of a gateway: its start and end, health, metrics, and Redis away."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import update

from push_pipeline import db, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.access import Access, put_access
from push_pipeline.directory.dead_letters import keep_dead_letter
from push_pipeline.gateway.routes import health
from push_pipeline.models import AppAccess
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway
from tests.processes import Process, cli, run_cli, wait_until
from tests.services import Valkey

#: Seconds in which a publish is answered, whatever the broker does. A promise.
BUDGET_SECONDS = 2.0


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)


@pytest.fixture
def frozen_broker(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    server.freeze()
    yield server
    server.kill()


def metrics(api: Client) -> dict[str, float]:
    lines = api("GET", "/metrics", prefix="").raw.decode().splitlines()
    told = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in told}


def test_every_publish_is_woken_and_the_last_ones_before_the_end(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    configure(app_id=APP)
    make_app()
    with running_gateway() as api, ThreadPoolExecutor(8) as clients:
        assert {a.status for a in clients.map(lambda _: api.publish(), range(50))} == {200}
    assert queues.backlog(queues.PUBLISH) == 50
    queues.forget()


def test_a_publish_is_answered_in_time_while_redis_is_frozen(
    frozen_broker: Valkey,
    database_url: str,
    configure: Callable[..., Settings],
) -> None:
    url, key = frozen_broker.url(), "the operators' key of the tests"
    configure(database_url=database_url, broker_url=url, app_id=APP, operator_key=key)
    make_app()

    def timed_publish(_: int) -> tuple[int, float]:
        began = time.monotonic()
        return api.publish().status, time.monotonic() - began

    with running_gateway() as api, ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(timed_publish, range(100)))
        assert api("GET", "/healthz", prefix="").status == 200
        ready = api("GET", "/readyz", prefix="")
        assert (ready.status, ready.body["database"]) == (503, "ok")
        assert ready.body["broker"] == "BrokerUnavailable"
        assert metrics(api)['push_pipeline_component_up{component="broker"}'] == 0
        frozen_broker.thaw()

    assert {status for status, _ in answers} == {200}
    assert max(took for _, took in answers) < BUDGET_SECONDS


def test_the_metrics_tell_what_waits_and_what_went_wrong(api: Client) -> None:
    before = metrics(api)
    api.publish()
    api("GET", f"/{os.urandom(8).hex()}")
    with db.writing() as connection:
        keep_dead_letter(connection, "apns", "no JSON", b"?", now_ms())
    wait_until(lambda: queues.backlog(queues.PUBLISH) == 1, what="the wake-up")

    after = metrics(api)

    assert after['push_pipeline_queue_length{queue="publish"}'] == 1
    assert after['push_pipeline_queue_length{queue="fcm.bulk"}'] == 0
    assert after["push_pipeline_open_batches"] == 0
    assert after["push_pipeline_dead_letter_messages"] == 1
    assert after['push_pipeline_held_routes{provider="apns"}'] == 0
    assert after['push_pipeline_component_up{component="database"}'] == 1
    name = "push_pipeline_http_requests_total"
    published = f'{name}{{method="POST",route="/messaging/{{channel}}",status="200"}}'
    assert after[published] == before.get(published, 0) + 1
    astray = f'{name}{{method="GET",route="(none)",status="404"}}'
    assert after[astray] == before.get(astray, 0) + 1


def test_a_database_that_is_away_is_told_without_its_address(
    api: Client, configure: Callable[..., Settings]
) -> None:
    db.dispose()
    configure(database_url="postgresql://nobody:secret@127.0.0.1:1/nothing")

    assert api("GET", "/readyz", prefix="").body["database"] == "DatabaseUnavailable"
    answer = api.publish()
    assert answer.fault == (503, 8011)
    assert b"127.0.0.1" not in answer.raw
    assert b"secret" not in answer.raw


def test_a_fault_of_ours_is_logged_counted_and_shown_to_a_browser(
    settings: Settings, configure: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    configure(app_id=APP, cors_origins="*")
    make_app()
    with db.writing() as connection:
        put_access(connection, Access(APP), now_ms())
        damaged = update(AppAccess).values(publish_rules=[{"canary-word": 1}])
        connection.execute(damaged)
    with running_gateway() as api:
        before = metrics(api)

        answer = api("GET", "/info", Origin="https://shop.example")

        assert answer.fault == (500, 8011)
        assert answer.headers["access-control-allow-origin"] == "*"
        counted = 'push_pipeline_http_requests_total{method="GET",route="/info",status="500"}'
        assert metrics(api)[counted] == before.get(counted, 0) + 1
    assert caplog.text.count("Traceback") == 1
    assert "canary-word" not in caplog.text + answer.raw.decode()


def test_a_load_balancer_may_ask_for_the_head_only(api: Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = api("HEAD", path, prefix="")
        assert (answer.status, answer.raw) == (200, b"")


def test_a_gateway_says_where_it_listens_and_ends_when_told(
    settings: Settings, spawn: Callable[..., Process]
) -> None:
    make_app()
    gateway = spawn(*cli("gateway", "--port", "0"))
    port = int(gateway.wait_for("Application startup complete").split("http://127.0.0.1:")[1][:5])
    assert Client(port)("GET", "/info").status == 200

    gateway.signal(signal.SIGTERM)

    assert gateway.wait(10) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
    assert "Traceback" not in gateway.output


def test_of_several_processes_one_may_die_and_none_outlives_its_parent(
    settings: Settings, spawn: Callable[..., Process]
) -> None:
    make_app()
    behind = {"PIPELINE_TRUSTED_PROXIES": "10.0.0.0/8"}  # what all of them must know
    gateway = spawn(*cli("gateway", "--port", "0", "--workers", "2"), env=behind)
    wait_until(lambda: gateway.output.count("Application startup complete") == 2, 60)
    port = int(gateway.output.split("http://127.0.0.1:")[1][:5])
    serving = re.findall(r"Started server process \[(\d+)\]", gateway.output)

    os.kill(int(serving[0]), signal.SIGKILL)
    assert Client(port)("GET", "/info").status == 200
    wait_until(lambda: gateway.output.count("Application startup complete") == 3, 60)
    gateway.signal(signal.SIGKILL)

    wait_until(lambda: is_free(port), 30, "the end of the others")


def is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def refused(*arguments: str, **env: str) -> str:
    """Run a gateway that cannot start; return the one line that it says."""
    done = run_cli("gateway", *arguments, env=env)
    assert done.returncode in {1, 2}
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_gateway_that_cannot_start_says_why_in_one_line(
    settings: Settings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in refused("--port", port)
    assert "nowhere.invalid" in refused("--host", "nowhere.invalid")
    assert "PIPELINE_BROKER_URL" in refused(PIPELINE_BROKER_URL="")
    empty = f"sqlite:///{tmp_path}/empty.db"
    assert "push-pipeline migrate" in refused(PIPELINE_DATABASE_URL=empty)
    away = "postgresql://nobody:secret@127.0.0.1:1/nothing"
    line = refused(PIPELINE_DATABASE_URL=away)
    assert "database" in line
    assert "secret" not in line


def test_the_operators_port_needs_no_key_and_has_nothing_else(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    configure(app_id=APP, operator_key="")
    make_app()
    with running_gateway(operators=True) as api, running_gateway() as other:
        theirs = Client(api.operator_port, prefix="")
        for path in ("/healthz", "/readyz", "/metrics"):
            assert theirs("GET", path).status == 200
        for path in ("/docs", f"{api.prefix}/info"):
            assert theirs("GET", path).fault == (404, 8002)
        assert api("GET", "/metrics", prefix="").fault == (401, 2000)
        assert other("GET", "/metrics", prefix="").fault == (401, 2000)
        assert api.publish().status == 200


def test_readings_are_kept_for_a_second_for_all_who_ask(
    settings: Settings, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 600.0)
    asked: list[str] = []
    backlog = queues.backlog
    monkeypatch.setattr(queues, "backlog", lambda name: asked.append(name) or backlog(name))
    configure(app_id=APP)
    make_app()

    with running_gateway() as api, ThreadPoolExecutor(8) as clients:
        ask = lambda path: api("GET", path, prefix="").status  # noqa: E731
        assert set(clients.map(ask, ["/readyz"] * 20)) == {200}
        assert asked == [queues.PUBLISH]
        assert set(clients.map(ask, ["/metrics"] * 20)) == {200}
        assert sorted(asked[1:]) == sorted(queues.QUEUES)
