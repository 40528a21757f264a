"""Calls as hosts write them: test_wheel.py checks their types, and nobody runs them.

What is wrong says so itself: where a wrong call is let through, its `type: ignore` is unused,
and that is an error.
"""

from datetime import UTC, datetime, time, timedelta

from flask import Flask
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, scoped_session

import push_pipeline
from push_pipeline import (
    DeliveryOptions,
    PipelineError,
    PublishOptions,
    Receipt,
    RequestError,
    SetupError,
    apublish,
    cancel,
    erase_user,
    export_user,
    forget_device,
    list_devices,
    pause,
    publish,
    push_to_user,
    push_with_template,
    register_device,
    resume,
    revive_devices,
    show_device,
    status,
    unregister_device,
)
from push_pipeline.contrib.flask import PushPipeline
from push_pipeline.outcome import Outcome
from push_pipeline.testing import Outbox, outbox, record
from push_workers.testing import inline


def publishes(session: Session, sessions: scoped_session[Session]) -> Receipt:
    publish("news", "Hello")
    publish("news", {"score": [1, 2]}, {"headers": {"ios-badge": 1}}, {"publish_at": 1})
    publish("news", "Hello", PublishOptions(publisher_id="shop", headers={"android-tag": "x"}))
    later = DeliveryOptions(
        publish_at=datetime.now(UTC) + timedelta(hours=1),
        repeat_every=timedelta(days=1),
        push_broadcast="IOS",
        segment_query="user.age >= 18",
    )
    publish("news", "Hello", delivery_options=later, app="shop", dedupe_key="once")
    publish("news", "Hello", session=session)
    publish("news", "Hello", session=sessions)
    publish(None, "Hello", users=["42", 43])
    publish(None, "Hello", users="42")
    publish("news", "Hello", rate=500)
    publish("news", "Hello", over=timedelta(hours=1))
    publish("news", "Hello", rate="fast")  # type: ignore[arg-type]
    publish("news")  # type: ignore[call-arg]
    publish(7, "Hello")  # type: ignore[arg-type]
    publish("news", "Hello", "headers")  # type: ignore[arg-type]
    publish("news", "Hello", chanel="x")  # type: ignore[call-arg]
    publish("news", "Hello", users=[None])  # type: ignore[list-item]
    publish("news", "Hello", session="sqlite://")  # type: ignore[arg-type]
    push_to_user(None, "Hello")  # type: ignore[arg-type]
    PublishOptions(headers="text")  # type: ignore[arg-type]
    DeliveryOptions(pushBrodcast=1)  # type: ignore[call-arg]
    DeliveryOptions(publish_at=[])  # type: ignore[arg-type]
    return push_to_user(42, "Hello", dedupe_key="once")


async def publishes_from_a_coroutine(session: AsyncSession) -> str:
    receipt = await apublish("news", "Hello", session=session)
    apublish("news")  # type: ignore[call-arg, unused-coroutine]
    return receipt.message_id


def pushes_templates() -> str:
    push_with_template("welcome", {"city": "Oslo", "age": 7}, publish_at_local=time(9))
    push_with_template("welcome", {"city": ["Oslo"]})  # type: ignore[dict-item]
    return push_with_template("welcome", users=[1]).status


def reads_and_controls(receipt: Receipt) -> int:
    ledger = status(receipt.message_id)
    accepted: int = ledger["runs"][0]["accepted"]
    of_apple: int = ledger["runs"][0]["byPlatform"]["IOS"]["rejected"]
    status(receipt)  # type: ignore[arg-type]
    ledger["audience"]  # type: ignore[typeddict-item]
    receipt.status = "x"  # type: ignore[misc]
    pause(receipt.message_id)
    resume(receipt.message_id, app="shop")
    cancelled: Receipt = cancel(receipt.message_id)
    return accepted + of_apple + len(cancelled.status)


def registers() -> None:
    register_device("d1", "1" * 64, "IOS", channels=["news"], userId="7", properties={"a": 1})
    register_device("d1", "1" * 64)  # type: ignore[call-arg]
    register_device("d1", "1" * 64, "IOS", channels=[1])  # type: ignore[list-item]
    unregister_device("d1", app="shop")
    unregister_device(1)  # type: ignore[arg-type]


def lives_in_flask(app: Flask, sessions: scoped_session[Session]) -> None:
    push = PushPipeline(session=sessions)
    push.init_app(app)
    app.register_blueprint(push.blueprint(lambda: "42", may_read=str.isascii))
    PushPipeline("shop")  # type: ignore[arg-type]
    push.blueprint("42")  # type: ignore[arg-type]


def tests_itself(pushes: Outbox) -> str:
    with record() as inner:
        publish("news", "Hello")
    push = inner.assert_pushed(channel="news", users=["42"], at=None, count=1)
    pushes.assert_nothing_pushed()
    print(outbox[0].channle)  # type: ignore[attr-defined]
    with inline(lambda token: Outcome.GONE if token else Outcome.UNKNOWN) as provider:
        provider.run()
    inline(lambda: Outcome.GONE)  # type: ignore[arg-type, misc]
    return push.message_id + str(provider.sent[0].payload["aps"])


def catches() -> int:
    try:
        publish("a/b", "Hello")
    except RequestError as error:
        return error.code
    except (SetupError, PipelineError) as error:
        return error.http_status
    push_pipeline.publsh("news", "Hello")  # type: ignore[attr-defined]
    return 0


def devices_and_people() -> list[str]:
    page = list_devices(user="42", channel="news", os="IOS", limit=10, after=0)
    list_devices("42")  # type: ignore[call-arg]
    revive_devices(["phone-1"])
    revive_devices(since=datetime.now(UTC) - timedelta(hours=2), reason="BadDeviceToken")
    done = forget_device("phone-1")
    erase_user(42)  # type: ignore[arg-type]
    held = export_user("42", app="shop")
    return [show_device("phone-1")["state"], *page["devices"][0]["channels"], str(done.renamed)] + [
        one["deviceId"] for one in held["devices"]
    ]
