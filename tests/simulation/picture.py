"""All rows that promises speak of, as they are at one moment."""

import sqlite3
from typing import Any, NamedTuple

from push_pipeline.ledger.batches import unpack
from push_pipeline.ledger.blocks import read_blocks

Row = dict[str, Any]

_COLUMNS = {
    "message": "id, state, delivery_options, ended_at",
    "run": "id, message_id, n, due_at, expires_at, state, audience, guarded, started_at,"
    " finished_at, lease_until, woken_at",
    "batch": "id, run_id, platform, environment, members, size, attempt, doubtful, not_before,"
    " lease_until, claims, stalls, settled, doubt_end, accepted, rejected, expired, cancelled,"
    " unknown, moved, resent, blocks, finished_at",
    "device": "id, token, state, registered_at, platform",
    "credential": "id, provider, version, paused_until, troubled_since, rest_cause",
}

PARTS = ("accepted", "rejected", "expired", "cancelled", "unknown")


class Picture(NamedTuple):
    """Rows by table and key; deliveries by run and device."""

    message: dict[str, Row]
    run: dict[int, Row]
    batch: dict[int, Row]
    device: dict[int, Row]
    credential: dict[int, Row]
    delivery: dict[tuple[int, int], str]

    def batches_of(self, run_id: int) -> list[Row]:
        return [one for one in self.batch.values() if one["run_id"] == run_id]

    def sum_of(self, run_id: int, counter: str) -> int:
        return sum(one[counter] for one in self.batches_of(run_id))


NOTHING = Picture({}, {}, {}, {}, {}, {})


def take_picture(database: sqlite3.Connection) -> Picture:
    """Read everything; no transaction may be open."""
    tables = {}
    for name, columns in _COLUMNS.items():
        names = [column.strip() for column in columns.split(",")]
        rows = database.execute(f"SELECT {columns} FROM pipeline_{name}")
        tables[name] = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    for one in tables["batch"].values():
        one["members"] = unpack(one["members"])
    rows = database.execute("SELECT run_id, device_key, outcome FROM pipeline_delivery").fetchall()
    rows += [
        (one["run_id"], key, "accepted")
        for one in tables["batch"].values()
        for block in read_blocks(one["blocks"] or b"")
        for key in block.chosen(one["members"])
    ]
    deliveries = {(run, device): outcome for run, device, outcome in rows}
    assert len(deliveries) == len(rows), "P2: somebody ended twice"
    return Picture(**tables, delivery=deliveries)
