"""For operators: is it alive, is it ready, what does it do. Only the first is for everybody."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)

from push_pipeline import db, migrations, queues
from push_pipeline.errors import SetupError
from push_pipeline.gateway.gauges import PipelineGauges
from push_pipeline.gateway.operators import Operators
from push_pipeline.gateway.ttl_cache import TtlCache
from push_pipeline.metrics import counts

#: Seconds. Each reading asks database and broker, which are not there for whoever asks most.
FRESH_SECONDS = 1.0

Readings = TtlCache[str, Any]

router = APIRouter(include_in_schema=False)

#: Some load balancers ask for the head only.
_LOOKING = ["GET", "HEAD"]

_gauges = CollectorRegistry()
_gauges.register(PipelineGauges())

#: Memory and processor time of this gateway itself.
_process = CollectorRegistry()
ProcessCollector(registry=_process)


@router.api_route("/healthz", methods=_LOOKING)
async def healthz() -> dict[str, str]:
    """Answer: the process is alive, whatever else is not."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=_LOOKING, dependencies=[Operators])
async def readyz(request: Request) -> JSONResponse:
    """Tell whether database and broker answer; 503 where one does not."""
    parts = await _reading(request, _parts)
    ready = set(parts.values()) == {"ok"}
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)


@router.get("/metrics", dependencies=[Operators])
async def metrics(request: Request) -> Response:
    """Give Prometheus what all processes of this machine count, and the pipeline's gauges."""
    return Response(await _reading(request, _text), media_type=CONTENT_TYPE_LATEST)


async def _reading(request: Request, read: Callable[[], Any]) -> Any:
    """Return what was read within the last second, or read it, once for all who ask meanwhile."""
    readings: Readings = request.app.state.readings
    return await readings.read(read.__name__, read)


def _parts() -> dict[str, str]:
    return {"database": _database(), "broker": _broker()}


def _text() -> bytes:
    return counts.text() + generate_latest(_gauges) + generate_latest(_process)


def _database() -> str:
    try:
        with db.reading() as connection:
            schema = migrations.state(connection)
    except SetupError as error:
        return type(error).__name__
    if schema.usable:
        return "ok"
    return "SchemaTooNew" if schema.too_new else "SchemaOutdated"


def _broker() -> str:
    try:
        queues.backlog(queues.PUBLISH)
    except SetupError as error:
        return type(error).__name__
    return "ok"
