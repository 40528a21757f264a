"""The gateway's processes: everything is checked, the port is taken, then they serve until told.

One serves by itself; of several each is a process of its own that accepts from the same port, and
is started again when it dies.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.supervisors import Multiprocess

from push_pipeline import db, migrations, queues
from push_pipeline.errors import SetupError
from push_pipeline.gateway.app import create_app
from push_pipeline.gateway.crowd import Crowd
from push_pipeline.gateway.leftovers import look_seldom
from push_pipeline.gateway.log_writer import LogWriter, log_no_places
from push_pipeline.gateway.proxies import ClientOf, NotedProxies, client_behind
from push_pipeline.gateway.straight_protocol import protocol_with
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

#: Seconds in which one of several processes must show that it lives, its start included: where a
#: machine is busy with something else Python alone takes some. One that dies while it is asked is
#: missed for as long.
LIFE_SECONDS = 20

#: Builds the console, in each process.
Console = Callable[[], ASGIApp]

#: Builds the application, given the operators' port and the console.
Create = Callable[[int | None, ASGIApp | None], FastAPI]


def serve(
    host: str,
    port: int,
    operator_port: int | None = None,
    console: Console | None = None,
    processes: int = 1,
) -> None:
    """Serve the API until SIGTERM or SIGINT. Port 0 takes any free one, which is printed.

    By `operator_port`, `/metrics` and `/readyz` need no key, and nothing else is there. `console`
    is served below `/console/`. Of several `processes` each counts for itself how often somebody
    failed to name a key.

    Raises:
        SetupError: a setting is missing, the schema is none for this release, the port is taken.
    """
    queues.broker_url()
    check_metrics_folder()
    with db.reading() as connection:
        migrations.check_usable(connection)
    listening = [listen(host, one) for one in (port, operator_port) if one is not None]
    _write_log()
    names = ["listening on", "for operators"]
    for name, one in zip(names, listening, strict=False):
        print(f"{name} {_url(one)}", flush=True)  # noqa: T201 - for people and scripts
    operators = listening[1].getsockname()[1] if listening[1:] else None
    if processes == 1:
        make_server(operators, console and console(), _create).run(sockets=listening)
    else:
        Multiprocess(_config(partial(_build, operators, console), processes), listening).run()


def _write_log() -> None:
    logging.basicConfig(level=logging.INFO, handlers=[LogWriter()])
    log_no_places()
    if get_settings().log_format == "json":
        write_json(logging.getLogger())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # asked at each look at the schema
    share_counts()


def _build(operator_port: int | None, console: Console | None) -> ASGIApp:
    """Build the application in one of several processes, which begins with nothing."""
    _write_log()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    return _application(operator_port, console and console(), _create)


def _create(operator_port: int | None, console: ASGIApp | None) -> FastAPI:
    """Build the application of a process that does nothing else."""
    return create_app(operator_port, console, when_ready=look_seldom)


def _end_with_parent() -> None:
    """Stop when the parent is gone: killed, it could not say so, and would leave the port taken."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _url(listening: socket.socket) -> str:
    name, taken = listening.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{taken}"


def make_server(
    operator_port: int | None = None,
    console: ASGIApp | None = None,
    create: Create = create_app,
) -> uvicorn.Server:
    """Build the server of the API, for this process alone."""
    app = _application(operator_port, console, create)
    return uvicorn.Server(_config(lambda: app, processes=1))


def _application(operator_port: int | None, console: ASGIApp | None, create: Create) -> ASGIApp:
    # Whatever handlers somebody gives it: it would log paths, and they hold keys.
    logging.getLogger("uvicorn.access").disabled = True
    proxies = get_settings().trusted_proxies.split()  # FORWARDED_ALLOW_IPS is not asked
    app: Any = create(operator_port, console)  # the two libraries spell its type differently
    if proxies:
        return NotedProxies(cast("Any", ProxyHeadersMiddleware(app, proxies)), proxies)
    return cast("ASGIApp", app)


def _client_of() -> ClientOf:
    return client_behind(get_settings().trusted_proxies.split())


def _config(build: Callable[[], ASGIApp], processes: int) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", build),
        factory=True,
        workers=processes,
        timeout_worker_healthcheck=LIFE_SECONDS,
        http=cast("type[asyncio.Protocol]", protocol_with(Crowd(), _client_of())),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # done above, where it is noted who the proxy was
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


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
