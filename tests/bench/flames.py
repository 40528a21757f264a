"""Draw where the time of each stage goes: publish, fan-out, deliver, and the recording alone.

py-spy looks at a process that does nothing but its stage, two hundred times a second; the files are
for a browser, and can be searched and zoomed. `python -m tests.bench --flame` draws them all.
"""

import argparse
import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from push_pipeline import db, publish
from push_pipeline.models import BATCH
from push_workers.consumer.prefork import warm_up
from push_workers.delivery import deliver as delivery
from push_workers.delivery.claim import Claim, Slice
from push_workers.delivery.process import Context, RunFacts
from push_workers.delivery.settle import Accepted, Report
from push_workers.senders.verdicts import Verdicts
from tests.bench.peer_environment import python_environment
from tests.bench.stand import fan_out_to_the_end, installation, populate

ONE, ALL = "one", "all"

#: Devices of the large channel, pushes to the small one, and how often all are pushed to.
DEVICES, PUSHES, BROADCASTS = 200_000, 600, 3
QUICK = 10

#: Looks a second.
RATE = 200

_PR_SET_PTRACER = 0x59616D61


def draw(folder: Path, *, quick: bool) -> Iterator[Path]:
    """Draw a flame graph for each stage; the files.

    Raises:
        RuntimeError: py-spy could not look at the process of a stage.
        NotInstalled: it cannot be had.
    """
    spy = python_environment() / "py-spy"
    folder.mkdir(parents=True, exist_ok=True)
    part = QUICK if quick else 1
    with installation():
        populate(ONE, 1)
        populate(ALL, DEVICES // part)
        for stage in STAGES:
            file = folder / f"{stage}.svg"
            _watch(spy, stage, part, file)
            yield file


def _watch(spy: Path, stage: str, part: int, file: Path) -> None:
    """Start the process of a stage, and let it begin when it is looked at."""
    words = ["-m", "tests.bench.flames", stage, "--part", str(part)]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, *words], stdin=pipe, stdout=pipe, text=True) as child:
        child.stdout.readline()
        told = ["--rate", str(RATE), "--function", "--output", file, "--pid", str(child.pid)]
        with subprocess.Popen([spy, "record", *told], stdout=pipe, stderr=pipe, text=True) as looks:
            first = looks.stdout.readline() or looks.stderr.readline()  # it samples, or cannot
            child.communicate("begin\n")
            rest = looks.communicate()
    if child.returncode or looks.returncode or not file.exists():
        raise RuntimeError(f"no flame graph of {stage}: {first}{''.join(rest)[-2000:]}")


def may_be_looked_at() -> None:
    """Let any process of ours look at this one, which some Linuxes allow its parents alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)


def publish_often(part: int) -> None:
    """Publish to one device, again and again."""
    for _ in range(PUSHES // part):
        publish(ONE, "Dinner is ready")


def fan_out_all(_: int) -> None:
    """Publish to all and write the batches, which the stages after this one deliver."""
    for _turn in range(BROADCASTS):
        fan_out_to_the_end(publish(ALL, "Dinner is ready").message_id)


def deliver_some(part: int) -> None:
    """Deliver the batches of one broadcast."""
    context = Context()
    for key in islice(_open_batches(), DEVICES // part // 1000):
        delivery.deliver(key, context)
    context.close()


def record_rest(_: int) -> None:
    """Take and record the other batches, as if every device had been accepted."""
    delivery.send_slice = _accepted
    context = Context()
    for key in _open_batches():
        delivery.deliver(key, context)
    context.close()


def _accepted(claim: Claim, part: Slice, _run: RunFacts, _context: Context) -> Report:
    keys = claim.members[part.start : part.end]
    return Report(taken=Accepted(keys, Verdicts(len(keys))), reached=True)


def _open_batches() -> list[int]:
    chosen = select(BATCH.id).where(BATCH.finished_at.is_(None)).order_by(BATCH.size.desc())
    with db.reading() as connection:
        return list(connection.scalars(chosen.where(BATCH.size > 1)))


STAGES: dict[str, Callable[[int], None]] = {
    "publish": publish_often,
    "fan-out": fan_out_all,
    "deliver": deliver_some,
    "record": record_rest,
}


def main() -> int:
    """Do one stage, in the installation that the environment names."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flames")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--part", type=int, default=1, help="do so little of it")
    given = parser.parse_args()
    warm_up()
    may_be_looked_at()
    print("ready", flush=True)
    sys.stdin.readline()
    STAGES[given.stage](given.part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
