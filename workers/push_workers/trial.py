"""`python -m push_workers.trial`: does each provider let us in? A line of JSON for each credential.

A connection is opened, and where signing in is a call of its own (Google's) it is made. Nothing is
pushed, so that Apple's view of a key is known with the first push only.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from push_pipeline import db
from push_pipeline.credentials import unseal
from push_pipeline.directory.provider_routes import find_credential, list_routes
from push_pipeline.errors import BadCredential, PipelineError
from push_pipeline.settings import get_settings
from push_workers.senders.registry import SenderPool

#: Seconds that one provider may take.
PATIENCE_SECONDS = 10.0


def main() -> int:
    """Try every credential; returns the exit code."""
    try:
        for finding in try_all():
            sys.stdout.write(orjson.dumps(finding).decode() + "\n")
            sys.stdout.flush()
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def try_all() -> Iterator[dict[str, Any]]:
    """Try every credential in turn; what is told of each has the shape of doctor's findings."""
    settings = get_settings()
    ca_file = str(settings.ca_file) if settings.ca_file else None
    pool = SenderPool(
        ca_file=ca_file,
        timeout=PATIENCE_SECONDS,
        connections=1,
        push_services=settings.push_services,
    )
    with db.reading() as connection:
        routes = list_routes(connection)
    for number, route in enumerate(_each_once(routes)):
        problem = _try(pool, number, route)
        name = " ".join(str(route[part]) for part in ("app_id", "provider", "environment"))
        says = f"{name.rstrip()}: {problem or 'lets us in'}"
        yield {"name": "live", "ok": problem is None, "says": says}
    pool.close_all()


def _each_once(routes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the routes, of an app's to browsers the first: a trial goes to all their services."""
    seen: set[str] = set()
    for route in routes:
        if route["provider"] == "webpush":
            if route["app_id"] in seen:
                continue
            seen.add(route["app_id"])
        yield route


def _try(pool: SenderPool, number: int, route: Mapping[str, Any]) -> str | None:
    secret = get_settings().secret_key
    if secret is None:
        return "not tried: PIPELINE_SECRET_KEY is not set"
    with db.reading() as connection:
        sealed = find_credential(
            connection, route["app_id"], route["provider"], route["environment"]
        )
    if sealed is None:
        return "removed meanwhile"
    try:
        credential = unseal(secret.get_secret_value(), sealed)
    except BadCredential as refused:
        return f"not tried: {refused}"
    return pool.get(number, route["version"], credential).try_out()


if __name__ == "__main__":
    sys.exit(main())
