"""Metrics that are read when somebody asks: what waits, what is open, what is closed.

| metric | labels | meaning |
|---|---|---|
| push_pipeline_queue_length | queue | wake-ups that no worker has taken yet |
| push_pipeline_open_batches | | batches that are not finished |
| push_pipeline_oldest_wait_seconds | | how long the longest waiting batch could have been sent |
| push_pipeline_oldest_run_wait_seconds | | how long the longest waiting run could have begun |
| push_pipeline_credential_expires_timestamp_seconds | environment | first end of a certificate |
| push_pipeline_held_routes | provider | routes whose credential the provider refuses |
| push_pipeline_resting_routes | provider, cause | routes that are closed, by why |
| push_pipeline_dead_letter_messages | | task messages that nobody could read |
| push_pipeline_last_tick_timestamp_seconds | | when beat's duties were done last, of the epoch |
| push_pipeline_build_info | version, schema | 1; the release, and the revision of the database |
| push_pipeline_component_up | component | whether the database and the broker answer |
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from push_pipeline import db, migrations, queues
from push_pipeline.clock import now_ms
from push_pipeline.credentials import certificate_end
from push_pipeline.directory.dead_letters import count_dead_letters
from push_pipeline.directory.heartbeat import last_beat
from push_pipeline.directory.provider_routes import apple_versions, find_sealed, list_routes
from push_pipeline.errors import BadCredential, SetupError
from push_pipeline.ledger.due_batches import count_open_batches, oldest_due
from push_pipeline.ledger.due_runs import oldest_unbegun
from push_pipeline.outcome import RestCause
from push_pipeline.settings import get_settings

logger = logging.getLogger(__name__)

EndOf = Callable[[int, int], float | None]

#: Credentials whose end is kept in memory: to look means to decrypt.
_ENDS_KEPT = 10_000


class PipelineGauges(Collector):
    """Reads database and broker at each scrape; what does not answer is left out, and is down."""

    def __init__(self) -> None:
        self._end_of = lru_cache(maxsize=_ENDS_KEPT)(_end_of)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name nothing in advance, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the gauges."""
        up = GaugeMetricFamily(
            "push_pipeline_component_up", "Whether it answers", labels=["component"]
        )
        from_database = partial(_from_database, self._end_of)
        for component, read in (("database", from_database), ("broker", _from_broker)):
            try:
                yield from list(read())
                up.add_metric([component], 1)
            except SetupError as error:
                logger.warning("no metrics of the %s: %s", component, error)
                up.add_metric([component], 0)
        yield up


def _from_database(end_of: EndOf) -> Iterator[GaugeMetricFamily]:
    now = now_ms()
    with db.reading() as connection:
        open_batches = count_open_batches(connection)
        oldest, unbegun = oldest_due(connection, now), oldest_unbegun(connection, now)
        certificates = apple_versions(connection)
        routes = list_routes(connection)
        aside = count_dead_letters(connection)
        ticked = last_beat(connection, "tick")
        schema = migrations.revision(connection)
    yield GaugeMetricFamily("push_pipeline_open_batches", "Batches not finished", open_batches)
    for what, name, since in (("batch", "", oldest), ("run", "run_", unbegun)):
        waiting = (now - since) / 1000 if since is not None else 0
        yield GaugeMetricFamily(
            f"push_pipeline_oldest_{name}wait_seconds", f"Longest wait of a {what}", waiting
        )
    yield _ends(certificates, end_of)
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


def _ends(certificates: list[tuple[str, int, int]], end_of: EndOf) -> GaugeMetricFamily:
    """Give the earliest end of each environment's: an app of its own would be a label each."""
    ends = GaugeMetricFamily(
        "push_pipeline_credential_expires_timestamp_seconds",
        "First end of a certificate",
        labels=["environment"],
    )
    earliest: dict[str, float] = {}
    for environment, key, number in certificates:
        end = end_of(key, number)
        if end is not None:
            earliest[environment] = min(end, earliest.get(environment, end))
    for environment, end in earliest.items():
        ends.add_metric([environment], end)
    return ends


def _end_of(credential_id: int, _version: int) -> float | None:
    """Return when a credential ends; None for one that does not, or that cannot be opened."""
    secret = get_settings().secret_key
    with db.reading() as connection:
        sealed = find_sealed(connection, credential_id)
    if secret is None or sealed is None:
        return None
    try:
        return certificate_end(secret.get_secret_value(), sealed)
    except BadCredential:  # sealed with another key: `doctor` says so
        return None


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
