"""`python -m push_workers.simulator`: the stand-ins of the providers as a program.

`--help` needs neither servers nor cryptography: they are imported by who needs them.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from push_workers.simulator.behaviour import Behaviour
    from push_workers.simulator.options import Options


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    given = _parser().parse_args(arguments)
    from push_workers.simulator.options import Options

    options = Options(
        dir=given.dir.resolve(),
        apns_port=given.apns_port,
        fcm_port=given.fcm_port,
        webpush_port=given.webpush_port,
        control_port=given.control_port,
        workers=given.workers,
        fast=given.fast,
        seed=given.seed,
        time_scale=given.time_scale,
        behaviour=given.behaviour,
    )
    try:
        asyncio.run(_serve(options, as_json=given.json, shared=given.shared))
    except OSError as error:
        sys.stderr.write(f"The simulator cannot start: {error}\n")
        return 1
    return 0


async def _serve(options: "Options", *, as_json: bool, shared: bool) -> None:
    from push_workers.simulator import cluster, node

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    run = cluster.running(options) if options.workers > 1 else node.running(options, shared=shared)
    async with run as info:
        sys.stdout.write(orjson.dumps(info).decode() + "\n" if as_json else _summary(info))
        sys.stdout.flush()
        await stopped.wait()


def _summary(info: Mapping[str, Any]) -> str:
    return (
        f"APNs     {info['apns_url']}\n"
        f"FCM      {info['fcm_url']}\n"
        f"Web Push {info['webpush_url']}\n"
        f"control  {info['control_url']}\n"
        f"files    {info['dir']}\n"
        f"         key id {info['key_id']}, team {info['team_id']}, topic {info['topic']}, "
        f"project {info['project_id']}\n"
        "Ctrl-C stops it.\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="push-pipeline simulate",
        description="Stand-ins for APNs, FCM and Web Push that enforce the rules. Loopback only.",
    )
    add = parser.add_argument
    add("--apns-port", type=int, default=2197, help="0 lets the system choose")
    add("--fcm-port", type=int, default=2198)
    add("--control-port", type=int, default=2199)
    add("--webpush-port", type=int, default=0)
    add("--dir", type=Path, default=Path("var/simulator"), help="where CA and keys are kept")
    add("--workers", type=int, default=1, help="processes that share the ports, for load tests")
    add("--fast", action="store_true", help="no log; a provider token is verified once")
    add("--seed", type=int, default=0, help="same seed, same requests: same answers")
    add("--time-scale", type=float, default=1.0, help="60 makes an hour pass in a minute")
    add("--behaviour", type=_behaviour, default="{}", metavar="JSON",
        help='switches, for example \'{"initial_streams": 1000}\'')  # fmt: skip
    add("--json", action="store_true", help="print ports, URLs and files as one line of JSON")
    add("--shared", action="store_true", help=argparse.SUPPRESS)  # a process of --workers
    return parser


def _behaviour(text: str) -> "Behaviour":
    """Read switches; argparse turns a ValueError into its usage message."""
    from push_workers.simulator.behaviour import Behaviour, changed

    return changed(Behaviour(), orjson.loads(text))


if __name__ == "__main__":
    sys.exit(main())
