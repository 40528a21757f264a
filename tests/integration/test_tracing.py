"""One trace from a publish to its providers' answers, and nothing where nobody traces."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from push_pipeline import db, publish, register_device, tracing
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key, ensure_app
from push_pipeline.gateway.app import create_app
from push_pipeline.ledger.runs import find_run
from push_pipeline.models import MESSAGE, RUN
from push_pipeline.outcome import Outcome
from push_pipeline.settings import Settings
from push_workers.testing import inline

_kept = InMemorySpanExporter()

DEAD = "d" * 64

KEY = "0123456789abcdef0123456789abcdee"


@pytest.fixture(scope="module")
def provider() -> Iterator[TracerProvider]:
    """The one provider that a process may have; what this file's tests make is kept."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(_kept))
    trace.set_tracer_provider(made)
    yield made
    made.shutdown()


@pytest.fixture
def spans(provider: TracerProvider) -> Callable[[], Sequence[ReadableSpan]]:
    _kept.clear()
    return _kept.get_finished_spans


@pytest.fixture(autouse=True)
def devices(database_url: str, configure: Callable[..., Settings]) -> None:
    configure(database_url=database_url, broker_url="redis://127.0.0.1:1/0", app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    register_device("phone", "1" * 64, "IOS", channels=["news"])
    register_device("old phone", DEAD, "IOS", channels=["news"])
    register_device("droid", "fcm-token:" + "a" * 140, "ANDROID", channels=["news"])


def test_a_hosts_trace_goes_on_to_the_providers_answers(
    spans: Callable[[], Sequence[ReadableSpan]],
) -> None:
    with inline(lambda token: Outcome.GONE if token == DEAD else Outcome.ACCEPTED) as provider:
        with trace.get_tracer("a host").start_as_current_span("POST /order"):
            publish("news", "Hello, you")
        provider.run()

    found = spans()
    assert len({span.context.trace_id for span in found if span.context}) == 1
    by_id = {span.context.span_id: span for span in found if span.context}
    above = {span.name: span.parent and by_id[span.parent.span_id].name for span in found}
    assert above == {
        "POST /order": None,
        "publish": "POST /order",
        "fan out": "publish",
        "deliver batch": "publish",
        "send apns": "deliver batch",
        "send fcm": "deliver batch",
    }
    told = {span.name: dict(span.attributes or {}) for span in found}
    assert told["fan out"]["push_pipeline.members"] == 3
    assert told["send apns"]["messaging.batch.message_count"] == 2
    assert told["send apns"]["push_pipeline.accepted"] == 1
    assert told["send apns"]["push_pipeline.rejected"] == 1
    for secret in ("Hello", DEAD, "1" * 64, "fcm-token"):
        assert secret not in str(told)


async def ask_gateway(headers: dict[str, str]) -> int:
    app = create_app()
    there = ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=there, base_url="http://here") as caller,
    ):
        path = f"/APP-1/{KEY}/messaging/news"
        answer = await caller.post(path, json={"message": "Hello"}, headers=headers)
    return answer.status_code


def test_a_caller_of_the_gateway_has_its_trace_and_no_span_has_its_key(
    spans: Callable[[], Sequence[ReadableSpan]],
) -> None:
    with db.writing() as connection:
        add_key(connection, "APP-1", now_ms(), key=KEY)
    theirs = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    assert asyncio.run(ask_gateway({"traceparent": theirs})) == 200
    [span] = spans()
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" in theirs
    with db.reading() as connection:
        [stored] = connection.scalars(select(MESSAGE.traceparent))
    assert span.context is not None
    assert f"{span.context.trace_id:032x}-{span.context.span_id:016x}" in str(stored)
    assert KEY not in span.to_json()


def test_an_error_is_told_by_its_type_alone(spans: Callable[[], Sequence[ReadableSpan]]) -> None:
    def fail() -> None:
        with tracing.publish():
            raise ValueError("of somebody")

    with pytest.raises(ValueError, match="of somebody"):
        fail()
    [span] = spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    assert (span.status.is_ok, span.status.description, span.events) == (False, None, ())


def test_each_firing_of_a_repeat_is_a_trace_of_its_own_that_workers_agree_on(
    spans: Callable[[], Sequence[ReadableSpan]],
) -> None:
    every = {"repeatEvery": 60, "repeatExpiresAt": now_ms() + 3_600_000}
    with inline() as provider:
        publish("news", "Hello", None, every)
        provider.run()
    with db.reading() as connection:
        keys = connection.scalars(select(RUN.id).order_by(RUN.n)).all()
        first, second = (find_run(connection, key or 0) for key in keys)
        [stored] = connection.scalars(select(MESSAGE.traceparent))
    assert first is not None
    assert second is not None
    assert first.trace == stored
    assert second.trace == find_again(second.id)
    assert second.trace is not None
    version, trace_id, span_id, flags = second.trace.split("-")
    assert (version, len(trace_id), len(span_id)) == ("00", 32, 16)
    assert trace_id not in str(stored)
    assert str(stored).endswith(f"-{flags}")  # whether it is sampled


def find_again(run_id: int) -> str | None:
    with db.reading() as connection:
        run = find_run(connection, run_id)
    return run and run.trace


WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from push_pipeline import publish, status, tracing
from push_workers.testing import inline

with inline() as provider:
    receipt = publish("news", "Hello")
    provider.run()
[run] = status(receipt.message_id)["runs"]
assert run["accepted"] == 3, run
end = tracing.start("a worker")
end()
assert "opentelemetry" not in sys.modules
"""


def test_without_the_extra_all_goes_on_and_who_asked_for_traces_is_told(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "push-pipeline[otel]" in done.stderr
