"""A paced message: its batches are due in turn, and no more is sent than its pace allows."""

import time
from datetime import datetime

import pytest
from rich.console import Console
from sqlalchemy import select

from push_pipeline import cancel, db, pause, publish, queues, resume, status
from push_pipeline.cli.ledger_view import draw
from push_pipeline.clock import now_ms
from push_pipeline.models import BATCH, RUN, Run
from push_workers.fanout.fan_out import fan_out
from tests.audience import android, ios
from tests.installation import Installation

RATE = 20
DEVICES = 100


@pytest.fixture
def paced(installation: Installation) -> str:
    """A message that is fanned out and sent as far as is due, to twenty devices a second."""
    installation.register(ios(DEVICES))
    message_id = publish("news", "Hello", rate=RATE).message_id
    fan_out(installation.run_id(message_id))
    return message_id


def test_batches_are_rows_that_are_due_a_second_after_the_other(
    installation: Installation, paced: str
) -> None:
    with db.reading() as connection:
        rows = connection.execute(
            select(BATCH.not_before - RUN.due_at, BATCH.size, BATCH.woken_at.is_(None))
            .join(Run, RUN.id == BATCH.run_id)
            .order_by(BATCH.id)
        ).all()
    assert [size for _, size, _ in rows] == [RATE] * (DEVICES // RATE)
    assert [ms // 1000 for ms, _, _ in rows][1:] == [1, 2, 3, 4]
    assert [unwoken for _, _, unwoken in rows][-1]
    assert queues.backlog("apns") < len(rows)
    run = status(paced)["runs"][0]
    assert run["rate"] == RATE
    ends = datetime.fromisoformat(run["expectedEndAt"] or "").timestamp()
    assert ends - time.time() == pytest.approx(DEVICES / RATE, abs=2)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(draw(status(paced)))
    assert "20 a second, the last about 20" in shown.get()


def test_what_was_paused_goes_on_at_its_pace_and_a_cancel_ends_the_rest(
    installation: Installation, paced: str
) -> None:
    pause(paced)
    installation.hurry()  # all of it is due meanwhile
    resume(paced)
    began = time.monotonic()

    run = installation.work(paced)

    assert 0 < run["accepted"] <= RATE + RATE * (time.monotonic() - began) + RATE
    with db.reading() as connection:
        waits = connection.scalars(select(BATCH.not_before).where(BATCH.finished_at.is_(None)))
        assert all(at > now_ms() - 5_000 for at in waits)
    cancel(paced)
    run = installation.work(paced)
    assert run["accepted"] + run["cancelled"] == DEVICES
    assert len(installation.simulator.received()) == run["accepted"]


def test_an_audience_is_spread_over_a_time(installation: Installation) -> None:
    installation.register(ios(30))
    installation.register(android(30), "ANDROID")
    message_id = publish("news", "Hello", over=3_600).message_id

    fan_out(installation.run_id(message_id))

    with db.reading() as connection:
        times = sorted(connection.scalars(select(BATCH.not_before)))
        due_at = connection.execute(select(RUN.due_at)).scalar_one()
    assert len(times) == 60
    assert times[-1] - due_at == pytest.approx(3_540_000, abs=1_000)
    assert status(message_id)["runs"][0]["rate"] == pytest.approx(60 / 3_600)
