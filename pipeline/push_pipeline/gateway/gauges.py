"""Metrics that are read when somebody asks: what waits, what is open, what is closed.

| metric | labels | meaning |
|---|---|---|
| pipeline_queue_length | queue | wake-ups that no worker has taken yet |
| pipeline_open_batches | | batches that are not finished |
| pipeline_oldest_wait_seconds | | how long the longest waiting batch could have been sent |
| pipeline_held_routes | provider | routes whose credential the provider refuses |
| pipeline_resting_routes | provider, cause | routes that are closed, by why |
| pipeline_dead_letter_messages | | task messages that nobody could read |
| pipeline_component_up | component | whether the database and the broker answer |
"""

import logging
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from push_pipeline import db, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.dead_letters import count_dead_letters
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
        up = GaugeMetricFamily("pipeline_component_up", "Whether it answers", labels=["component"])
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
    yield GaugeMetricFamily("pipeline_open_batches", "Batches not finished", open_batches)
    waiting = (now - oldest) / 1000 if oldest is not None else 0
    yield GaugeMetricFamily("pipeline_oldest_wait_seconds", "Longest wait of a batch", waiting)
    held = GaugeMetricFamily("pipeline_held_routes", "Credentials refused", labels=["provider"])
    for provider in queues.FAMILIES:
        refused = [r for r in routes if r["provider"] == provider and r["held_reason"] is not None]
        held.add_metric([provider], len(refused))
    yield held
    yield _resting(routes)
    yield GaugeMetricFamily("pipeline_dead_letter_messages", "Messages nobody could read", aside)


def _resting(routes: list[dict[str, object]]) -> GaugeMetricFamily:
    resting = GaugeMetricFamily(
        "pipeline_resting_routes", "Routes that are closed", labels=["provider", "cause"]
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
    lengths = GaugeMetricFamily("pipeline_queue_length", "Wake-ups waiting", labels=["queue"])
    for queue in queues.QUEUES:
        lengths.add_metric([queue], queues.backlog(queue))
    yield lengths
