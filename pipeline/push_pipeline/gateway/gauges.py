"""Metrics that are read when somebody asks: what waits, what is open, what is closed.

| metric | labels | meaning |
|---|---|---|
| push_pipeline_queue_length | queue | wake-ups that no worker has taken yet |
| push_pipeline_open_batches | | batches that are not finished |
| push_pipeline_oldest_wait_seconds | | how long the longest waiting batch could have been sent |
| push_pipeline_held_routes | provider | routes whose credential the provider refuses |
| push_pipeline_resting_routes | provider, cause | routes that are closed, by why |
| push_pipeline_dead_letter_messages | | task messages that nobody could read |
| push_pipeline_last_tick_timestamp_seconds | | when beat's duties were done last, of the epoch |
| push_pipeline_build_info | version, schema | 1; the release, and the revision of the database |
| push_pipeline_component_up | component | whether the database and the broker answer |
"""

import logging
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from push_pipeline import db, migrations, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.dead_letters import count_dead_letters
from push_pipeline.directory.heartbeat import last_beat
from push_pipeline.directory.provider_routes import list_routes
from push_pipeline.errors import SetupError
from push_pipeline.ledger.due_batches import count_open_batches, oldest_due
from push_pipeline.outcome import RestCause

logger = logging.getLogger(__name__)


class PipelineGauges(Collector):
    """Reads database and broker at each scrape; what does not answer is left out, and is down."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name nothing in advance, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the gauges."""
        up = GaugeMetricFamily(
            "push_pipeline_component_up", "Whether it answers", labels=["component"]
        )
        for component, read in (("database", _from_database), ("broker", _from_broker)):
            try:
                yield from list(read())
                up.add_metric([component], 1)
            except SetupError as error:
                logger.warning("no metrics of the %s: %s", component, error)
                up.add_metric([component], 0)
        yield up


def _from_database() -> Iterator[GaugeMetricFamily]:
    now = now_ms()
    with db.reading() as connection:
        open_batches = count_open_batches(connection)
        oldest = oldest_due(connection, now)
        routes = list_routes(connection)
        aside = count_dead_letters(connection)
        ticked = last_beat(connection, "tick")
        schema = migrations.revision(connection)
    yield GaugeMetricFamily("push_pipeline_open_batches", "Batches not finished", open_batches)
    waiting = (now - oldest) / 1000 if oldest is not None else 0
    yield GaugeMetricFamily("push_pipeline_oldest_wait_seconds", "Longest wait of a batch", waiting)
    held = GaugeMetricFamily(
        "push_pipeline_held_routes", "Credentials refused", labels=["provider"]
    )
    for provider in queues.FAMILIES:
        refused = [r for r in routes if r["provider"] == provider and r["held_reason"] is not None]
        held.add_metric([provider], len(refused))
    yield held
    yield _resting(routes)
    yield GaugeMetricFamily(
        "push_pipeline_dead_letter_messages", "Messages nobody could read", aside
    )
    if ticked is not None:
        yield GaugeMetricFamily(
            "push_pipeline_last_tick_timestamp_seconds", "When beat ticked last", ticked / 1000
        )
    build = GaugeMetricFamily(
        "push_pipeline_build_info", "Release and schema", labels=["version", "schema"]
    )
    build.add_metric([version("push-pipeline"), schema or "none"], 1)
    yield build


def _resting(routes: list[dict[str, object]]) -> GaugeMetricFamily:
    resting = GaugeMetricFamily(
        "push_pipeline_resting_routes", "Routes that are closed", labels=["provider", "cause"]
    )
    closed = Counter(
        (str(route["provider"]), str(route["rest_cause"]))
        for route in routes
        if route["troubled_since"] is not None
    )
    for provider in queues.FAMILIES:
        for cause in RestCause:
            resting.add_metric([provider, cause.value], closed[provider, cause.value])
    return resting


def _from_broker() -> Iterator[GaugeMetricFamily]:
    lengths = GaugeMetricFamily("push_pipeline_queue_length", "Wake-ups waiting", labels=["queue"])
    for queue in queues.QUEUES:
        lengths.add_metric([queue], queues.backlog(queue))
    yield lengths
