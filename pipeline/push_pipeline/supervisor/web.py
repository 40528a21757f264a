"""The HTTP API, and Flower, as child processes."""

import importlib.util
import socket
import threading
import time
from http.client import HTTPConnection, HTTPException

from push_pipeline.errors import SetupError
from push_pipeline.supervisor import commands
from push_pipeline.supervisor.child import Program

HOST = "127.0.0.1"

#: Where people expect Flower.
FLOWER_PORT = 5555

#: Seconds until it must answer; it starts together with the workers, on the same cores.
START_SECONDS = 60.0

_POLL_SECONDS = 0.1


def is_installed() -> bool:
    """Tell whether the extra `gateway` is there."""
    return all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn"))


def has_flower() -> bool:
    """Tell whether the extra `flower` is there."""
    return importlib.util.find_spec("flower") is not None


def has_console() -> bool:
    """Tell whether the extra `console` is there."""
    needed = ("argon2", "jinja2", "python_multipart")
    return is_installed() and all(importlib.util.find_spec(name) for name in needed)


def free_port(wanted: int) -> int:
    """Return the port itself, or any free one for 0: a restart must find the same again.

    Raises:
        SetupError: somebody has it.
    """
    return check_port(HOST, wanted, "--port")


def check_port(host: str, wanted: int, option: str = "--metrics-port") -> int:
    """Return the port itself, or any free one for 0.

    Raises:
        SetupError: somebody has it, or the host is not this machine; `option` names another.
    """
    try:
        family = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, wanted), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SetupError(
            f"port {wanted} cannot be used ({error.strerror}): choose another with {option}"
        ) from None


def program(port: int) -> Program:
    """Describe the process."""
    return Program("gateway", commands.gateway(HOST, port, console=has_console()))


def flower(port: int) -> Program:
    """Describe the process that shows the tasks."""
    return Program("flower", commands.flower(HOST, port, protected=False))


def wait_until_it_answers(port: int) -> None:
    """Wait for the API.

    Raises:
        SetupError: it does not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    while not _answers(port):
        if time.monotonic() > deadline:
            raise SetupError("the HTTP API does not start: see gateway.log")
        pause.wait(_POLL_SECONDS)


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - an HTTP status
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
