"""Accepted devices have a bit in their batch's row, and readers tell of them as of any row."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from push_pipeline import db
from push_pipeline.ledger import blocks, deliveries
from push_pipeline.ledger.deliveries import deliveries_of, export
from push_pipeline.models import BATCH, DELIVERY, DEVICE, RUN, Batch, Delivery, Run
from push_pipeline.outcome import Settled
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from push_workers.delivery.record import record_slice
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.audience import android, ios
from tests.installation import APP, Installation

Configure = Callable[..., Settings]


def told(message_id: str, only: str | None = None) -> list[dict[str, Any]]:
    with db.reading() as connection:
        return list(export(connection, message_id, only))


def rows() -> dict[str, int]:
    counted = select(DELIVERY.outcome, func.count()).group_by(DELIVERY.outcome)
    with db.reading() as connection:
        return dict(connection.execute(counted).all())


def bytes_of_members() -> int:
    with db.reading() as connection:
        return connection.execute(select(func.sum(func.length(BATCH.members)))).scalar_one()


def keys() -> list[int]:
    with db.reading() as connection:
        return [int(key) for key in connection.scalars(select(DEVICE.id).order_by(DEVICE.id))]


def use(installation: Installation, configure: Configure, **settings: object) -> None:
    """Let another worker work, with these settings."""
    configure(**settings)
    installation.context.close()
    installation.context = Context()


def test_blocks_tell_what_rows_would(installation: Installation, configure: Configure) -> None:
    use(installation, configure, batch_size=4, doubt_window=3, members="close")
    for n in range(3):  # the keys of the platforms alternate
        installation.register([f"{n}{token[1:]}" for token in ios(3)])
        installation.register(android(2, "qrs"[n]), "ANDROID")
    installation.register(ios(2, "dead"))
    kept = installation.publish()
    installation.work(kept)
    in_blocks = rows()
    installation.register(ios(2, "dead"))
    close = bytes_of_members()
    use(installation, configure, ledger="rows", members="plain")
    as_rows = installation.publish()
    installation.work(as_rows)

    assert close < bytes_of_members() - close
    assert in_blocks == {"rejected": 2}
    assert rows() == {"rejected": 4, "accepted": 15}
    first, second = told(kept), told(as_rows)
    unnamed = {one["os"] for one in first if one.pop("providerId") is None}
    assert unnamed == {"ANDROID"}
    assert all(one.pop("providerId") for one in second)
    assert all(one.pop("settledAt") for one in (*first, *second))
    assert first == second
    assert [len(told(kept, only)) for only in Settled] == [15, 2, 0, 0, 0]
    of_devices = keys()[1:4]
    with db.reading() as connection:
        found = deliveries_of(connection, APP, of_devices, [])
    wanted = {told_of["deviceId"] for told_of in first[1:4]}
    assert [one["messageId"] for one in found] == [as_rows] * 3 + [kept] * 3
    assert {one["deviceId"] for one in found[:3]} == wanted
    assert {one["deviceId"] for one in found[3:]} == wanted


def test_the_runs_of_a_message_are_told_in_order_however_they_are_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.register([*ios(3), *ios(1, "dead")])
    messages = [installation.publish() for _ in range(3)]
    for message_id in messages:
        installation.work(message_id)
    with db.writing() as connection:  # as those of one that repeats
        for n, message_id in enumerate(messages[1:], start=2):
            its = update(Run).where(RUN.message_id == message_id)
            connection.execute(its.values(message_id=messages[0], n=n))

    together = told(messages[0])
    monkeypatch.setattr(deliveries, "EXPORT_PAGE", 1)

    assert told(messages[0]) == together
    assert [one["run"] for one in together] == [1] * 4 + [2] * 3 + [3] * 3
    assert [one["outcome"] for one in together] == [
        *["accepted"] * 3,
        "rejected",
        *["accepted"] * 6,
    ]


def test_an_apns_id_is_made_again_from_run_and_device(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    installation.work(message_id)

    sent = {entry["headers"]["apns-id"] for entry in installation.simulator.log()}
    assert {one["providerId"] for one in told(message_id)} == sent


def test_a_batch_that_another_release_began_or_ends_is_told_as_a_whole(
    installation: Installation, configure: Configure
) -> None:
    installation.register(ios(6))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)

    for ledger in ("all", "rows", "all"):  # a release of before writes rows alone
        use(installation, configure, ledger=ledger, doubt_window=2)
        claim = take(batch_id, installation.context)
        assert claim is not None
        part, run = claim.slices[0], installation.context.run_facts(claim.batch.run_id)
        report = send_slice(claim, part, run, installation.context)
        record_slice(claim, part, report, installation.context)
        with db.writing() as connection:  # its worker dies
            ended = part.end
            change = update(Batch).values(lease_until=None, doubt_end=ended)
            connection.execute(change)

    assert rows() == {"accepted": 2}
    assert [one["outcome"] for one in told(message_id)] == ["accepted"] * 6
    assert set(installation.simulator.received().values()) == {1}


def test_a_full_batch_goes_on_with_rows(
    installation: Installation, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "FULL", 20)
    use(installation, configure, doubt_window=1)
    installation.register(ios(4))
    message_id = installation.publish()

    run = installation.work(message_id)

    assert rows() == {"accepted": 2}
    assert (run["accepted"], len(told(message_id, "accepted"))) == (4, 4)


def test_a_block_whose_commit_nobody_saw_is_kept_with_the_next_one(
    installation: Installation, configure: Configure
) -> None:
    use(installation, configure, doubt_window=3)
    installation.register([*ios(1, "dead"), *ios(5)])
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    context = installation.context
    claim = take(batch_id, context)
    assert claim is not None
    first, second = claim.slices
    run = context.run_facts(claim.batch.run_id)
    report = send_slice(claim, first, run, context)
    blocks_before = claim.blocks
    assert record_slice(claim, first, report, context)

    claim.unsure, claim.blocks, claim.reasons = True, blocks_before, {}
    assert record_slice(claim, first, report, context)
    record_slice(claim, second, send_slice(claim, second, run, context), context)

    assert len(told(message_id, "accepted")) == 5
    assert installation.run(message_id)["byReason"] == {"Unregistered": 1}


def test_nothing_is_kept_of_who_was_accepted_where_problems_are_wanted(
    installation: Installation, configure: Configure
) -> None:
    use(installation, configure, ledger="problems")
    installation.register(ios(2))
    message_id = installation.publish()

    assert installation.work(message_id)["accepted"] == 2
    with db.reading() as connection:
        assert connection.execute(select(func.count()).select_from(Delivery)).scalar_one() == 0
    assert told(message_id) == []
