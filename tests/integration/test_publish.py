"""publish writes a message and its run once, or nothing at all."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from sqlalchemy import func, select, update
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlmodel import Session

from push_pipeline import (
    DeliveryOptions,
    PublishOptions,
    db,
    errors,
    publish,
    queues,
    register_device,
    status,
    unregister_device,
)
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import CHANNEL, MESSAGE, RUN, Message, Run
from push_pipeline.publishing.dedupe import key_of_host
from push_pipeline.publishing.draft import draft_message
from push_pipeline.publishing.write import write_all
from push_pipeline.queues import Wake
from push_pipeline.settings import Settings
from tests.services import Valkey

TTL = {"ttl": 60}

_SAID = select(
    *(MESSAGE.id, MESSAGE.content, MESSAGE.fingerprint, MESSAGE.traceparent, MESSAGE.state),
    RUN.due_at,
).join_from(Message, Run)


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> str:
    configure(app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    return "APP-1"


def count(column: object) -> int:
    with db.reading() as connection:
        return connection.execute(select(func.count(column))).scalar_one()


def test_a_publish_is_scheduled_and_creates_its_channel() -> None:
    receipt = publish("breaking news", {"score": [1, 2]})

    assert receipt.message_id.startswith("message:")
    assert receipt.status == "scheduled"
    assert receipt.error_message is None
    with db.reading() as connection:
        assert connection.scalars(select(CHANNEL.name)).all() == ["breaking news"]
    ledger = status(receipt.message_id)
    assert ledger["status"] == "scheduled"
    assert [run["n"] for run in ledger["runs"]] == [1]


def test_the_same_dedupe_key_gives_the_same_receipt_to_everybody_at_once() -> None:
    with ThreadPoolExecutor(8) as threads:
        receipts = list(
            threads.map(lambda _: publish("news", "hello", dedupe_key="order-1"), range(24))
        )

    assert len(set(receipts)) == 1
    assert count(RUN.id) == 1


def test_a_replay_says_that_the_message_existed_already() -> None:
    first, again = (publish("news", "hello", dedupe_key="order-1") for _ in range(2))

    assert (first.replayed, again.replayed) == (False, True)
    assert first == again


@pytest.mark.parametrize(
    "other", [{"channel": "other"}, {"message": "bye"}, {"users": ["7"]}, {"delivery_options": TTL}]
)
def test_a_dedupe_key_that_said_something_else_is_refused_and_nothing_is_written(
    other: dict,
) -> None:
    asked = {"channel": "news", "message": "hello", "dedupe_key": "order-1"}
    first = publish(**asked)

    with pytest.raises(errors.DedupeKeyReused) as refused:
        publish(**{**asked, **other})

    assert (refused.value.code, refused.value.http_status) == (5061, 422)
    assert (count(MESSAGE.id), count(CHANNEL.id)) == (1, 1)
    assert publish(**asked) == first


def test_a_key_of_a_release_that_took_no_fingerprints_is_replayed_as_it_was() -> None:
    first = publish("news", "hello", dedupe_key="order-1")
    with db.writing() as connection:
        connection.execute(update(Message).values(fingerprint=None))

    again = publish("news", "something else", dedupe_key="order-1")

    assert (again, again.replayed) == (first, True)


def test_a_replay_is_told_as_one_although_nobody_is_there_any_more() -> None:
    register_device("phone-1", "ab" * 32, "IOS", channels=["news"])
    first = publish("news", "hello", dedupe_key="order-1", strict=True)
    unregister_device("phone-1")

    again = publish("news", "hello", dedupe_key="order-1", strict=True)

    assert (again.message_id, again.replayed) == (first.message_id, True)
    with pytest.raises(errors.StrictRefusal):
        publish("news", "hello", dedupe_key="order-2", strict=True)


def test_keys_of_http_requests_are_none_of_a_host() -> None:
    with pytest.raises(errors.InvalidParameter):
        publish("news", "hello", dedupe_key="idempotency-key:1")


def test_a_publish_in_a_session_is_committed_with_it() -> None:
    with Session(db.engine()) as session:
        kept = publish("news", "hello", session=session)
        session.commit()
    with Session(db.engine()) as session:
        dropped = publish("news", "hello", session=session)
        session.rollback()

    assert status(kept.message_id)["status"] == "scheduled"
    assert status(dropped.message_id)["status"] == "unknown"


def test_a_publish_through_a_registry_of_sessions_is_woken_by_its_own_commit_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    woken: list[Wake] = []
    monkeypatch.setattr(queues, "wake", woken.extend)
    sessions = scoped_session(sessionmaker(db.engine()))  # as Flask-SQLAlchemy's db.session is

    publish("news", "hello", session=sessions)

    with ThreadPoolExecutor(1) as another_request:
        another_request.submit(commit_something, sessions).result()
    assert woken == []
    sessions.commit()
    assert [one.task for one in woken] == [queues.FAN_OUT]
    sessions.remove()


def commit_something(sessions: scoped_session[Session]) -> None:
    sessions.connection(execution_options={"reading": True}).execute(select(1))
    sessions.commit()
    sessions.remove()


@pytest.mark.parametrize("name", ["URL", "READ_URL", "WRITE_URL"])
def test_a_broker_that_the_environment_names_for_others_gets_no_wake_up(
    monkeypatch: pytest.MonkeyPatch, valkey: Valkey, name: str
) -> None:
    foreign = valkey.new_database()
    monkeypatch.setenv(f"CELERY_BROKER_{name}", foreign)
    queues.forget()

    publish("news", "hello")

    assert queues.backlog(queues.PUBLISH) == 1
    with redis.Redis.from_url(foreign) as client:
        assert client.dbsize() == 0
    asked = "from push_workers.app import app; print(app.connection_for_read().virtual_host)"
    worker = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    )
    assert worker.stdout.strip() == queues.broker_url().rpartition("/")[2]
    queues.forget()


@pytest.mark.parametrize(
    ("error", "code", "wrong"),
    [
        (errors.EmptyMessage, 5041, {"message": None}),
        (errors.InvalidChannelName, 5044, {"channel": "a/b"}),
        (errors.UnknownOs, 8008, {"delivery_options": {"push_broadcast": "SYMBIAN"}}),
        (errors.InvalidPublishAt, 5030, {"delivery_options": {"publish_at": "soon"}}),
        (
            errors.InvalidPublishAt,
            5030,
            {"delivery_options": {"publish_at": datetime.now(UTC) - timedelta(hours=1)}},
        ),
        (
            errors.InvalidRepeatExpiresAt,
            5003,
            {"delivery_options": {"repeat_every": 5, "repeat_expires_at": 1}},
        ),
        (errors.PayloadTooLarge, 8008, {"message": "é" * 2100}),
        (errors.InvalidParameter, 8008, {"publish_options": {"headers": "text"}}),
        (errors.InvalidParameter, 8008, {"publish_options": "text"}),
        (errors.InvalidParameter, 8008, {"delivery_options": {1: 2}}),
        (errors.InvalidParameter, 8008, {"dedupe_key": ""}),
        (errors.InvalidParameter, 8008, {"delivery_options": {"pushBrodcast": 1}}),
        (errors.UnknownApp, 2002, {"app": "nobody"}),
    ],
)
def test_a_bad_value_raises_its_typed_error_and_nothing_is_written(
    error: type[errors.RequestError], code: int, wrong: dict
) -> None:
    with pytest.raises(error) as raised:
        publish(**{"channel": "news", "message": "hello", **wrong})

    assert raised.value.code == code
    assert "\n" not in str(raised.value)
    assert (count(MESSAGE.id), count(CHANNEL.id)) == (0, 0)


def test_a_publish_that_can_reach_nobody_says_so_and_has_no_run() -> None:
    receipt = publish("news", "hello", None, DeliveryOptions(push_broadcast="FOR_NONE"))

    assert (receipt.status, receipt.error_message) == ("failed", "no recipients")
    assert count(RUN.id) == 0


def test_a_header_that_no_provider_has_a_place_for_is_told_by_name_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dropped = {"ios-sound": [1, 2], "google.x": "secret", "from": "secret", "aps": {"badge": 1}}
    publish("news", "hello", {"headers": {**dropped, "ios-badge": 1, "google.\nforged": "x"}})

    told = [record.getMessage() for record in caplog.records]
    for name in dropped:
        assert sum(f"'{name}: " in line for line in told) == 1
    assert len(told) == len(dropped) + 1
    assert not [line for line in told if "secret" in line or "\n" in line or "ios-badge" in line]


def test_options_may_be_given_by_the_names_of_python_or_of_the_wire() -> None:
    first = publish("news", "a", PublishOptions(headers={"ios-badge": 1}))
    second = publish("news", "b", {"publisherId": "me"}, {"pushBroadcast": "IOS", "ttl": 60})

    assert {first.status, second.status} == {"scheduled"}


def test_a_missing_broker_setting_is_told_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Settings]
) -> None:
    monkeypatch.delenv("PIPELINE_BROKER_URL")
    configure()

    with pytest.raises(errors.SettingsError, match="PIPELINE_BROKER_URL"):
        publish("news", "hello")
    assert count(MESSAGE.id) == 0


def test_what_is_written_together_is_kept_as_it_was_said() -> None:
    words = [{"n": 10**30, "z": 1, "a": "ä😀\\u0000\n"}, "plain", [1.5, None, True]]
    drafts = [
        replace(
            draft_message(
                "default",
                said,
                None,
                TTL if place else {"publishAt": now_ms() + 60_000, **TTL},
                dedupe_key=key_of_host(f"key-{place}" if place else None),
                now=now_ms(),
            ),
            app_id="APP-1",
            traceparent="00-1-2-00" if place == 1 else None,
        )
        for place, said in enumerate([*words, words[1]])
    ]
    drafts[3] = replace(drafts[3], once=drafts[1].once)

    receipts = write_all(drafts)

    assert receipts[3].message_id == receipts[1].message_id
    with db.reading() as connection:
        rows = {row.id: row for row in connection.execute(_SAID)}
    assert len(rows) == len(words)
    for draft, receipt, said in zip(drafts, receipts, words, strict=False):
        row = rows[receipt.message_id]
        assert row.content["message"] == said
        assert row.fingerprint == (draft.once and draft.once.fingerprint)
        assert (row.traceparent, row.state) == (draft.traceparent, "scheduled")
        assert row.due_at == draft.message().due_at
