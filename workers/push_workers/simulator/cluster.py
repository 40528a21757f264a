"""Several simulator processes on the same ports, and one control API over all of them.

What a process counts per token (n-th request, `every`, `times`, allowances) it counts alone: a
token that comes in over another connection may meet another process. Counts that are read are
added up, so `received` and `duplicates` are exact.
"""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from push_workers.simulator import node
from push_workers.simulator.client import ControlError, SimulatorClient
from push_workers.simulator.control import error
from push_workers.simulator.http1 import Plain
from push_workers.simulator.identity import Identity
from push_workers.simulator.journal import duplicates
from push_workers.simulator.messages import Answer, Request
from push_workers.simulator.options import Options

#: A child that has not printed its ports by then, in seconds, has failed.
_START_SECONDS = 30


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[dict[str, Any]]:
    """Run the processes; yields ids, ports, URLs and files as a single process does."""
    identity = Identity(options.dir)
    identity.ensure()
    # The parent holds the ports without listening, so that children can share numbers chosen by
    # the system and nobody takes them in between.
    with node.bind(options.apns_port, shared=True) as apns, \
            node.bind(options.fcm_port, shared=True) as fcm, \
            node.bind(options.webpush_port, shared=True) as webpush:  # fmt: skip
        control = node.bind(options.control_port)
        ports = [sock.getsockname()[1] for sock in (apns, fcm, webpush, control)]
        info = node.describe(identity, *ports)
        identity.point_service_account(f"{info['fcm_url']}/token")
        identity.write_info(info)
        async with contextlib.AsyncExitStack() as stack:
            children = [
                await stack.enter_async_context(_child(options, ports))
                for _ in range(options.workers)
            ]
            gathering = Gathering(children, info)
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Plain(gathering.respond), sock=control)
            stack.callback(server.close)
            yield info


@contextlib.asynccontextmanager
async def _child(options: Options, ports: list[int]) -> AsyncIterator[SimulatorClient]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "push_workers.simulator", "--json", "--shared",
        "--apns-port", str(ports[0]), "--fcm-port", str(ports[1]),
        "--webpush-port", str(ports[2]), "--control-port", "0",
        "--dir", str(options.dir), "--seed", str(options.seed),
        "--time-scale", str(options.time_scale),
        "--behaviour", options.behaviour.model_dump_json(),
        *(["--fast"] if options.fast else []),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        if process.stdout is None:
            raise OSError("a simulator process has no output")
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        if not line:
            raise OSError("a simulator process did not start")
        yield await asyncio.to_thread(SimulatorClient, orjson.loads(line)["control_url"])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class Gathering:
    """The control API of all: reads are merged, orders go to every process."""

    def __init__(self, children: list[SimulatorClient], info: dict[str, Any]) -> None:
        self._children = children
        self._info = info
        self._merge: dict[str, Callable[[list[Any]], Any]] = {
            "/received": _added,
            "/attempts": _added,
            "/metrics": _metrics,
            "/log": _log,
            "/seen": _seen,
        }

    def respond(self, request: Request) -> Answer:
        """Answer one HTTP request. Blocks the parent's loop, which has nothing else to do."""
        if request.path == "/simulator":
            return Answer(200, (), orjson.dumps(self._info))
        body = orjson.loads(request.body) if request.body else None
        try:
            content = self._ask(request.method, request.path, body)
        except ControlError as refusal:
            return error(400, str(refusal))
        return Answer(200, (), orjson.dumps(content))

    def _ask(self, method: str, path: str, body: object) -> Any:
        if path == "/duplicates":
            return duplicates(self._ask("GET", "/seen", None))
        parts = [child.call(method, path, body) for child in self._children]
        if path.startswith("/faults/"):
            return _added(parts)
        merge = self._merge.get(path)
        return merge(parts) if merge else parts[0]


def _added(parts: list[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _metrics(parts: list[dict[str, Any]]) -> dict[str, Any]:
    answers = _added([part.pop("answers") for part in parts])
    peak = max(part["peak_streams"] for part in parts)
    return {**_added(parts), "peak_streams": peak, "answers": answers}


def _log(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return sorted((entry for part in parts for entry in part), key=lambda e: float(e["arrived"]))


def _seen(parts: list[list[list[Any]]]) -> list[tuple[str, str, int]]:
    total: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for token, logical_id, count in part:
            total[token, logical_id] += count
    return [(token, logical_id, count) for (token, logical_id), count in total.items()]
