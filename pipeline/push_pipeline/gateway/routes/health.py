"""For operators: is it alive, is it ready, what does it do. No key is needed."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from push_pipeline import db, migrations, queues
from push_pipeline.errors import SetupError
from push_pipeline.gateway.gauges import PipelineGauges

router = APIRouter(include_in_schema=False)

#: Some load balancers ask for the head only.
_LOOKING = ["GET", "HEAD"]

_gauges = CollectorRegistry()
_gauges.register(PipelineGauges())


@router.api_route("/healthz", methods=_LOOKING)
async def healthz() -> dict[str, str]:
    """Answer: the process is alive, whatever else is not."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=_LOOKING)
def readyz() -> JSONResponse:
    """Tell whether database and broker answer; 503 where one does not."""
    parts = {"database": _database(), "broker": _broker()}
    ready = set(parts.values()) == {"ok"}
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)


@router.get("/metrics")
def metrics() -> Response:
    """Give this process's counters and the pipeline's gauges to Prometheus."""
    text = generate_latest(REGISTRY) + generate_latest(_gauges)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with db.reading() as connection:
            migrated = migrations.revision(connection) == migrations.head()
    except SetupError as error:
        return type(error).__name__
    return "ok" if migrated else "SchemaOutdated"


def _broker() -> str:
    try:
        queues.backlog(queues.PUBLISH)
    except SetupError as error:
        return type(error).__name__
    return "ok"
