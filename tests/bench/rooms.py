"""Count the files that a step runs through: what a stranger has to open who follows it.

A file counts where one of its functions runs: a push of one batch by APNs, on SQLite, published,
fanned out and delivered by fresh processes and once more, and one device registered. Run it as
`python -m tests.bench.rooms [--list]`.
"""

import argparse
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

from sqlalchemy import select

import push_pipeline
import push_workers
from push_pipeline import db, migrations, publish, queues
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, seal
from push_pipeline.devices.register import register_device
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.models import BATCH, RUN
from push_pipeline.settings import reset_settings
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout.fan_out import fan_out
from push_workers.simulator.identity import Identity
from tests.bench.sink import Sink
from tests.services import Valkey

APP, SECRET = "rooms", "the secret of the rooms"
ROOTS = [Path(package.__file__).parent.parent for package in (push_pipeline, push_workers)]


@contextmanager
def rooms() -> Iterator[Counter[str]]:
    """Count by file the calls of functions of ours, in all threads."""
    calls: Counter[CodeType] = Counter()

    def look(frame: FrameType, happening: str, _: object) -> None:
        # A comprehension or a class's body is no function that somebody would read up.
        if happening == "call" and frame.f_code.co_name != "<module>":
            calls[frame.f_code] += 1

    found: Counter[str] = Counter()
    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        for code, count in calls.items():
            for root in ROOTS:
                if (file := Path(code.co_filename)).is_relative_to(root):
                    found[str(file.relative_to(root))] += count


@contextmanager
def installation() -> Iterator[None]:
    """SQLite, a broker and a sink in the place of Apple."""
    with tempfile.TemporaryDirectory() as directory, Sink() as sink:
        valkey = Valkey(Path(directory))
        valkey.start()
        os.environ |= {
            "PIPELINE_DATABASE_URL": f"sqlite:///{directory}/rooms.db",
            "PIPELINE_BROKER_URL": valkey.url(),
            "PIPELINE_APP_ID": APP,
            "PIPELINE_SECRET_KEY": SECRET,
            "PIPELINE_CA_FILE": str(sink.ca_file),
        }
        reset_settings()
        migrations.upgrade(db.engine())
        identity = Identity(Path(directory))
        identity.ensure()
        credential = ApnsCredential.from_key_file(
            identity.key_file,
            key_id="BENCHKEY01",
            team_id="BENCHTEAM1",
            topic="com.example.app",
            url=sink.url,
        )
        with db.writing() as connection:
            ensure_app(connection, APP, "Rooms", now_ms())
            sealed = seal(SECRET, credential)
            put_credential(connection, APP, "apns", "production", sealed, now_ms())
        yield
        queues.forget()
        db.dispose()
        valkey.stop()


def register(number: int) -> None:
    """Register an iPhone."""
    register_device(f"device-{number}", f"{number:064x}", "IOS", channels=["news"])


def open_runs() -> list[int]:
    with db.reading() as connection:
        return list(connection.scalars(select(RUN.id).where(RUN.finished_at.is_(None))))


def open_batches() -> list[int]:
    with db.reading() as connection:
        return list(connection.scalars(select(BATCH.id).where(BATCH.finished_at.is_(None))))


def follow() -> dict[str, Counter[str]]:
    """Return for each step the files that it runs through."""
    found: dict[str, Counter[str]] = {}
    with installation():
        with rooms() as found["registration"]:
            register(1)
        for name in ("first", "second"):
            with rooms() as found[f"{name} publish"]:
                publish("news", "Dinner is ready")
            (run,) = open_runs()
            with rooms() as found[f"{name} fan-out"]:
                fan_out(run)
            (batch,) = open_batches()
            if name == "first":
                context = Context()
            with rooms() as found[f"{name} delivery"]:
                deliver(batch, context)
        with rooms() as found["second registration"]:
            register(2)
        context.close()
        if open_runs():
            raise RuntimeError("the push was not delivered")
    return found


def parts(files: Collection[str], shared: Collection[str]) -> str:
    """Say how many of a step's files are the transport's, and how many every step runs through."""
    http2 = sum("/http2/" in file for file in files)
    of_all = len({*files} & {*shared})
    told = f"{len(files) - http2 - of_all:4} its own, {of_all} every step's"
    return f"{told}, {http2} the transport's" if http2 else told


def main() -> int:
    """Print how many files each step runs through, with --list also which."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rooms")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    found = follow()
    # The database, its settings, the clock: who follows a step knows them already.
    shared = set[str].intersection(*map(set, found.values()))
    for step, files in found.items():
        print(f"{step:22}{len(files):4}  {parts(files, shared)}")
        if options.list:
            for file, calls in sorted(files.items()):
                print(f"    {file:60}{calls:6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
