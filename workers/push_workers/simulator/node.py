"""One simulator process: world, listeners and control API on one event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from push_workers.simulator.control import Control
from push_workers.simulator.faults import Faults
from push_workers.simulator.http1 import Plain
from push_workers.simulator.identity import KEY_ID, PROJECT_ID, TEAM_ID, TOPIC, Identity
from push_workers.simulator.listeners import (
    ApnsListener,
    FcmListener,
    Listener,
    WebPushListener,
    sweep,
)
from push_workers.simulator.options import Options
from push_workers.simulator.world import World

#: Only this machine may connect: the keys are worth nothing, the control API obeys everybody.
_HOST = "127.0.0.1"


def bind(port: int, *, shared: bool = False) -> socket.socket:
    """Bind a loopback port; `shared` ones may be bound by several processes (SO_REUSEPORT)."""
    sock = socket.socket()
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((_HOST, port))
    return sock


@contextlib.asynccontextmanager
async def running(options: Options, *, shared: bool = False) -> AsyncIterator[dict[str, Any]]:
    """Run a simulator; yields ids, ports, URLs and files. Stops without waiting for clients."""
    identity = Identity(options.dir)
    identity.ensure()
    apns, fcm = bind(options.apns_port, shared=shared), bind(options.fcm_port, shared=shared)
    webpush = bind(options.webpush_port, shared=shared)
    control = bind(options.control_port)
    info = describe(identity, *(s.getsockname()[1] for s in (apns, fcm, webpush, control)))
    identity.point_service_account(f"{info['fcm_url']}/token")
    if not shared:
        identity.write_info(info)
    world = World(
        identity,
        options.behaviour,
        seed=options.seed,
        scale=options.time_scale,
        fast=options.fast,
    )
    listeners: list[Listener] = [ApnsListener(world), FcmListener(world), WebPushListener(world)]
    steering = Control(world, Faults(world, listeners), info)
    for listener, sock in zip(listeners, (apns, fcm, webpush), strict=True):
        await listener.start(sock)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Plain(steering.respond), sock=control)
    sweeper = loop.create_task(sweep(listeners))
    try:
        yield info
    finally:
        sweeper.cancel()
        server.close()
        for listener in listeners:
            listener.stop()


def describe(identity: Identity, apns: int, fcm: int, webpush: int, control: int) -> dict[str, Any]:
    """Return what simulator.json and `--json` say."""
    return {
        "apns_url": f"https://localhost:{apns}",
        "fcm_url": f"https://localhost:{fcm}",
        "webpush_url": f"https://localhost:{webpush}",
        "control_url": f"http://{_HOST}:{control}",
        "apns_port": apns,
        "fcm_port": fcm,
        "webpush_port": webpush,
        "control_port": control,
        "dir": str(identity.dir),
        "ca_file": str(identity.ca_file),
        "client_file": str(identity.client_file),
        "key_file": str(identity.key_file),
        "push_key_file": str(identity.push_key_file),
        "service_account_file": str(identity.service_account_file),
        "key_id": KEY_ID,
        "team_id": TEAM_ID,
        "topic": TOPIC,
        "project_id": PROJECT_ID,
    }
