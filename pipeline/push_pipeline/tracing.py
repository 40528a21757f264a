"""Traces by OpenTelemetry: one from a publish to its providers' answers, for who wants them.

A host that traces has the publish in its own trace. What follows is another process's, woken by
messages that may be lost or come twice: so the trace's context (W3C `traceparent`) stands in the
message's row. Where nobody traces, nothing of OpenTelemetry is imported, and nothing is done.
No token, text or key is an attribute, and no span is one device's.
"""

import hashlib
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

logger = logging.getLogger(__name__)

_NAME: Final = "push_pipeline"

#: Any of these says that somebody wants traces; the SDK reads them, and more of its own.
_WANTED_BY: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)

_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"

#: Of a traceparent: version, trace id, span id, flags.
_PARTS: Final = 4

Attributes = Mapping[str, str | int]

#: A span that may be told more, if there is one.
Told: TypeAlias = "Span | None"


def is_wanted() -> bool:
    """Say whether this process of ours is asked for traces, and has what makes them."""
    given = {name: os.environ.get(name, "") for name in _WANTED_BY}
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or given["OTEL_TRACES_EXPORTER"] == "none" or not any(given.values()):
        return False
    if _is_installed():
        return True
    logger.warning("no traces: they need pip install push-pipeline[otel]")
    return False


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


def nothing() -> None:
    """End what was not begun."""


def load() -> None:
    """Import what makes traces, if they are wanted: before a fork, once for all children."""
    if is_wanted():
        for name in (_EXPORTER, "opentelemetry.sdk.trace.export"):
            importlib.import_module(name)


def start(service: str) -> Callable[[], None]:
    """Make and send traces from here on, if they are wanted; return what ends it.

    To be called after a fork: who sends them is a thread. Everything but the name of the
    service, where none is given, is the SDK's to read from `OTEL_…`.
    """
    if not is_wanted():
        return nothing
    from opentelemetry import trace  # noqa: PLC0415 - nobody else pays for it

    provider = _provider_of(service)
    trace.set_tracer_provider(provider)
    ended: Callable[[], None] = provider.shutdown
    return ended


@contextmanager
def sending(service: str) -> Iterator[None]:
    """Make and send traces, if they are wanted, until the block ends."""
    end = start(service)
    try:
        yield
    finally:
        end()


def _provider_of(service: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    resource = Resource.create({} if named else {"service.name": service})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@contextmanager
def publish(asked: str | None = None) -> Iterator[str | None]:
    """Make a span of a publish, below `asked` (a traceparent) or the current one.

    Yields the traceparent that the message's row is to have; None where nobody traces.
    """
    api = _api()
    if api is None or (asked is None and not _is_traced(api)):
        yield None
        return
    attributes = {"messaging.operation.name": "publish", "messaging.operation.type": "create"}
    with _span("publish", api.SpanKind.PRODUCER, attributes, context=_context(asked)) as span:
        made = span.get_span_context()
        yield _traceparent(made.trace_id, made.span_id, made.trace_flags) if made.is_valid else None


@contextmanager
def work(name: str, traceparent: str | None, attributes: Attributes, began: int) -> Iterator[Told]:
    """Make a span of what a worker does for a message since `began` (ns), below its publish.

    Nothing where the message has no trace, or this process makes none.
    """
    api = _api()
    if api is None or traceparent is None:
        yield None
        return
    context = _context(traceparent)
    with _span(name, api.SpanKind.CONSUMER, attributes, context=context, start_time=began) as span:
        yield span


@contextmanager
def call(name: str, below: Told, attributes: Attributes) -> Iterator[Told]:
    """Make a span of a call to a provider, below that of the batch."""
    api = _api()
    if api is None or below is None:
        yield None
        return
    with _span(name, api.SpanKind.CLIENT, attributes) as span:
        yield span


def tell(span: Told, attributes: Attributes) -> None:
    """Add to a span what is known at its end."""
    if span is not None:
        span.set_attributes({**attributes})


@contextmanager
def _span(name: str, kind: Any, attributes: Attributes, **options: Any) -> Iterator["Span"]:
    """Make a span; of an error it has the type alone, since a message may name somebody."""
    api: Any = _api()
    with api.get_tracer(_NAME).start_as_current_span(
        name,
        kind=kind,
        attributes={"messaging.system": _NAME, **attributes},
        record_exception=False,
        set_status_on_exception=False,
        **options,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(api.StatusCode.ERROR)
            raise


def is_on() -> bool:
    """Say whether a publish of this process has a trace, where its caller names none."""
    api = _api()
    return api is not None and _is_traced(api)


def _is_traced(api: Any) -> bool:
    """Tell whether a span would be kept, or be below one: else it costs something for nothing."""
    provider = api.get_tracer_provider()
    kept = not isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider)
    return kept or api.get_current_span().get_span_context().is_valid


def _api() -> Any:
    """Return the API where anybody has imported it: who traces has."""
    return sys.modules.get("opentelemetry.trace")


def of_firing(traceparent: str | None, firing: int) -> str | None:
    """Return the context of a message's firing: each after the first is a trace of its own.

    A daily message would be one trace for years. The ids come from the first one's, so that all
    workers of a firing agree, and the sampling with them.
    """
    if traceparent is None or firing <= 1 or traceparent.count("-") != _PARTS - 1:
        return traceparent
    flags = traceparent.rpartition("-")[2]
    digest = hashlib.sha256(f"{traceparent} {firing}".encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-{flags}"


def _traceparent(trace_id: int, span_id: int, flags: int) -> str:
    """Write a context as W3C's header has it."""
    return f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"


def _context(traceparent: str | None) -> "Context | None":
    """Read a traceparent; None, which is the current context, where there is none."""
    if traceparent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - as above
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})
