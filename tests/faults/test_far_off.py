"""A hundred thousand schedules that are far off cost neither the ticks' time nor memory."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, text

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.heartbeat import last_beat
from push_pipeline.models import Message, Run
from push_workers.tick import DAY_MS, tick
from tests.audience import ios
from tests.processes import Process, wait_until
from tests.running import Stand

SCHEDULES = 100_000
APP = "APP-1"

#: Ticks of one look at the costs, of the time until the child is warm, and of that in which
#: memory is watched: what one tick takes up for a schedule it would take up for all of them.
LOOKS = 12
WARMING = 6
WATCHED = 12

#: What a tick may cost more for all of them, milliseconds; measured are three.
MORE_MS = 50

#: What a worker may grow by while it ticks, bytes: less than a tenth of what 100,000 tasks hold.
GROWTH = 8_000_000

#: Copies a row under other keys: as rows of a list they took longer than all that is measured.
MULTIPLY = """
WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < :last)
INSERT INTO {table} ({key}, {same})
SELECT 'far-' || i, {same} FROM {table}, number WHERE {key} = 'far-0'
"""

pytestmark = pytest.mark.slow


def add_schedules(count: int) -> None:
    due = now_ms() + 365 * DAY_MS
    message = {
        "app_id": APP, "channel": "news", "content": {"message": "later"}, "delivery_options": {},
        "state": "scheduled", "created_at": now_ms(),
    }  # fmt: skip
    run = {
        "app_id": APP, "n": 1, "due_at": due, "expires_at": due + DAY_MS, "state": "scheduled",
        "bulk": False, "guarded": True,
    }  # fmt: skip
    with db.writing() as connection:
        connection.execute(insert(Message), [message | {"id": "far-0"}])
        connection.execute(insert(Run), [run | {"message_id": "far-0"}])
        for table, key in ((Message, "id"), (Run, "message_id")):
            columns = [one.name for one in inspect(table).local_table.c]
            same = ", ".join(sorted({*columns} - {"id", key}))
            multiply = MULTIPLY.format(table=table.__tablename__, key=key, same=same)
            connection.execute(text(multiply), {"last": count - 1})


def cost_ms() -> float:
    """Return what a tick costs at its best: what it costs beside other tests is theirs."""
    times = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        tick()
        times.append((time.perf_counter() - started) * 1_000)
    return min(times)


def memory(worker: Process) -> int:
    """Return the resident memory of a worker and its children."""
    pids = [worker.pid, *map(int, children(worker.pid).split())]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def await_ticks(count: int) -> None:
    seen: set[int | None] = set()

    def look() -> bool:
        with db.reading() as connection:
            seen.add(last_beat(connection, "tick"))
        return len(seen) > count

    wait_until(look, 90, f"{count} ticks")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_far_off_schedules_cost_no_tick_and_no_memory(
    kind: str,
    request: pytest.FixtureRequest,
    open_stand: Callable[..., Stand],
    measured: Callable[[str], None],
) -> None:
    stand = open_stand(request.getfixturevalue(f"{kind}_url"), tick_seconds=0.1)
    before = cost_ms()
    add_schedules(SCHEDULES)
    after = cost_ms()
    worker = stand.start_worker(children=1)
    stand.start_beat()
    await_ticks(WARMING)
    at_first = memory(worker)

    await_ticks(WATCHED)
    grown = memory(worker) - at_first
    (token,) = tokens = ios(1)
    stand.subscribe(tokens)
    stand.finish(stand.installation.publish(publish_at=now_ms() + 1_000))

    measured(
        f"{kind}: a tick costs {before:.1f} ms, with {SCHEDULES:,} schedules {after:.1f} ms;"
        f" the worker has {at_first / 1e6:.0f} MB, {grown / 1e6:+.1f} MB after {WATCHED} ticks"
    )
    assert after < before + MORE_MS
    assert grown < GROWTH
    assert stand.simulator.received() == {token: 1}
