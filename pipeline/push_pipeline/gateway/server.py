"""One gateway process: everything is checked, the port is taken, then it serves until told."""

import asyncio
import logging
import socket
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from push_pipeline import db, migrations, queues
from push_pipeline.errors import SetupError
from push_pipeline.gateway.app import create_app
from push_pipeline.gateway.crowd import Crowd
from push_pipeline.gateway.protocol import protocol_with
from push_pipeline.gateway.proxies import NotedProxies
from push_pipeline.log_lines import write_json
from push_pipeline.metrics.folder import check_metrics_folder, share_counts
from push_pipeline.settings import get_settings

#: Seconds an idle connection is kept: longer than the minute of usual load balancers, so that
#: it is they who close.
KEEP_ALIVE_SECONDS = 75

#: Seconds for requests that are being answered at the end.
SHUTDOWN_SECONDS = 5

#: Connections that wait to be accepted.
BACKLOG = 2048


def serve(
    host: str, port: int, operator_port: int | None = None, console: ASGIApp | None = None
) -> None:
    """Serve the API until SIGTERM or SIGINT. Port 0 takes any free one, which is printed.

    By `operator_port`, `/metrics` and `/readyz` need no key, and nothing else is there. `console`
    is served below `/console/`.

    Raises:
        SetupError: a setting is missing, the schema is none for this release, the port is taken.
    """
    queues.broker_url()
    check_metrics_folder()
    with db.reading() as connection:
        migrations.check_usable(connection)
    listening = [listen(host, one) for one in (port, operator_port) if one is not None]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if get_settings().log_format == "json":
        write_json(logging.getLogger())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # asked at each look at the schema
    share_counts()
    names = ["listening on", "for operators"]
    for name, one in zip(names, listening, strict=False):
        print(f"{name} {_url(one)}", flush=True)  # noqa: T201 - for people and scripts
    operators = listening[1].getsockname()[1] if listening[1:] else None
    make_server(operators, console).run(sockets=listening)


def _url(listening: socket.socket) -> str:
    name, taken = listening.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{taken}"


def make_server(operator_port: int | None = None, console: ASGIApp | None = None) -> uvicorn.Server:
    """Build the server of the API."""
    proxies = get_settings().trusted_proxies.split()  # FORWARDED_ALLOW_IPS is not asked
    app: Any = create_app(operator_port, console)  # the two libraries spell its type differently
    if proxies:
        app = NotedProxies(cast("Any", ProxyHeadersMiddleware(app, proxies)), proxies)
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", protocol_with(Crowd())),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # done above, where it is noted who the proxy was
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # Whatever handlers somebody gives it: it would log paths, and they hold keys.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Raises:
        SetupError: it is taken, or the host is not this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SetupError(f"cannot listen on {host}:{port}: {reason}") from error
    listening.setblocking(False)
    return listening
