"""Each verb of the ledger, tried on a run in each state: it moves what the table allows, only."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert, select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger import batches, due_runs, runs
from push_pipeline.ledger.intervention import cancel_message, pause_message, resume_message
from push_pipeline.ledger.messages import close_message
from push_pipeline.ledger.runs import RunView
from push_pipeline.ledger.state_machine import (
    BatchMove,
    BatchState,
    MessageMove,
    MessageState,
    RunMove,
    RunState,
    batch_state,
)
from push_pipeline.ledger.values import Progress, Tally
from push_pipeline.models import BATCH, MESSAGE, RUN, Batch, Message, Run
from push_pipeline.settings import Settings

APP = "APP-1"
MESSAGE_ID = "message:1"
NOW = 1_000_000


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def write_run(connection: Connection, state: RunState) -> RunView:
    """Write a message and its run as a run of this state is: what has begun says since when."""
    begun = state not in {RunState.SCHEDULED, RunState.PAUSED, RunState.SKIPPED}
    over = state in {RunState.FINISHED, RunState.CANCELLED, RunState.SKIPPED}
    connection.execute(
        insert(Message).values(
            id=MESSAGE_ID, app_id=APP, channel="news", content={}, delivery_options={},
            state=MessageState.SCHEDULED, created_at=NOW,
        )
    )  # fmt: skip
    key = connection.execute(
        insert(Run)
        .values(
            message_id=MESSAGE_ID, app_id=APP, n=1, due_at=NOW, expires_at=NOW + 60_000,
            state=state, audience=0, cursor=0, bulk=False, guarded=True, zone_default=False,
            started_at=NOW if begun else None, finished_at=NOW if over else None,
        )
        .returning(RUN.id)
    ).scalar_one()  # fmt: skip
    run = runs.find_run(connection, key)
    assert run is not None
    return run


def end_fan_out(connection: Connection, run: RunView) -> None:
    changes = {"state": RunState.SENDING, "fanned_at": NOW}
    runs.advance(connection, run, cursor=1, added=0, changes=changes)


def hold(connection: Connection, run: RunView) -> None:
    connection.execute(update(Run).where(RUN.id == run.id).values(canary=0))
    runs.end_canaries(connection, NOW)


RUN_VERBS: dict[RunMove, Callable[[Connection, RunView], object]] = {
    RunMove.BEGIN: lambda connection, run: runs.begin(connection, run, NOW, NOW + 60_000),
    RunMove.SKIP: lambda connection, run: due_runs.skip(connection, run, NOW),
    RunMove.END_FAN_OUT: end_fan_out,
    RunMove.FINISH: lambda connection, run: runs.close_if_done(connection, run.id, NOW),
    RunMove.PAUSE: lambda connection, run: pause_message(connection, APP, run.message_id),
    RunMove.HOLD: hold,
    RunMove.RESUME: lambda connection, run: resume_message(connection, APP, run.message_id),
    RunMove.CANCEL: lambda connection, run: cancel_message(connection, APP, run.message_id, NOW),
}


@pytest.mark.parametrize("move", RunMove)
def test_a_verb_moves_a_run_from_the_states_of_its_move_and_from_no_other(move: RunMove) -> None:
    for state in RunState:
        with db.engine().begin() as connection:
            run = write_run(connection, state)
            RUN_VERBS[move](connection, run)
            after = connection.execute(select(RUN.state).where(RUN.id == run.id)).scalar_one()
            connection.rollback()
        if state in move.sources:
            assert after in move.targets, f"{move} from {state}"
        else:
            assert after == state, f"{move} from {state}"


@pytest.mark.parametrize("move", MessageMove)
def test_a_message_ends_once(move: MessageMove) -> None:
    for state in set(MessageState) - {MessageState.UNKNOWN}:
        with db.engine().begin() as connection:
            write_run(connection, RunState.SENDING)
            connection.execute(update(Message).values(state=state))
            if move is MessageMove.CLOSE:
                close_message(connection, MESSAGE_ID, MessageState.FAILED, "why", NOW)
            else:
                cancel_message(connection, APP, MESSAGE_ID, NOW)
            after = connection.execute(select(MESSAGE.state)).scalar_one()
            connection.rollback()
        if state in move.sources:
            assert after in move.targets
        else:
            assert after == state


@pytest.mark.parametrize("move", BatchMove)
def test_a_batch_moves_in_the_hands_of_the_claim_that_has_it(move: BatchMove) -> None:
    with db.engine().begin() as connection:
        run = write_run(connection, RunState.SENDING)
        assert try_batch(connection, run, move) in move.targets
        connection.rollback()


def try_batch(connection: Connection, run: RunView, move: BatchMove) -> BatchState:
    new = batches.NewBatch(run.id, "IOS", "production", [1], False, NOW)
    [key] = batches.insert_batches(connection, [new], None)
    found = batches.find_batch(connection, key)
    assert found is not None
    batch = found.standing
    assert batches.take(connection, batch, lease_until=NOW + 1, doubt_end=1)
    assert not batches.take(connection, batch, lease_until=NOW + 1, doubt_end=1)
    progress = Progress(1, 1, NOW, None)
    if move is BatchMove.FINISH:
        batches.record(connection, key, (1, 0), Tally(), progress._replace(finished_at=NOW))
        with pytest.raises(batches.LeaseLost):  # finished: nothing is recorded any more
            batches.record(connection, key, (1, 1), Tally(), progress)
    elif move is BatchMove.GIVE_BACK:
        batches.record(connection, key, (1, 0), Tally(), progress)
    row = connection.execute(
        select(BATCH.finished_at, BATCH.lease_until).select_from(Batch).where(BATCH.id == key)
    ).one()
    return batch_state(row.finished_at, row.lease_until, NOW)
