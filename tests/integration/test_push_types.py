"""Apple's push types: each with devices, a topic and rules of its own, from end to end."""

import json

import pytest

from push_pipeline import (
    DeliveryOptions,
    cancel,
    db,
    publish,
    push_with_template,
    register_device,
    status,
)
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, seal
from push_pipeline.devices.inventory import show_device
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger.new_credential import change_credential
from push_pipeline.settings import get_settings
from push_pipeline.template.stored import PushTemplate
from tests.installation import APP, Installation
from tests.unit.senders.providers import certificate


def token(number: int) -> str:
    return f"{number:064x}"


def register(installation: Installation, device: str, push_type: str, number: int) -> None:
    topic = installation.simulator.topic
    suffix = {"voip": ".voip", "widgets": ".push-type.widgets", "": ""}[push_type]
    installation.simulator.devices([{"token": token(number), "topic": topic + suffix}])
    details = {"push_type": push_type} if push_type else {}
    register_device(device, token(number), "IOS", channels=["news"], app=APP, **details)


def sent(installation: Installation) -> dict[str, dict]:
    return {one["token"]: one for one in installation.simulator.log()}


def test_a_push_goes_to_the_devices_of_its_type_and_to_no_others(
    installation: Installation,
) -> None:
    register(installation, "P1", "", 1)
    register(installation, "P1", "voip", 2)
    register(installation, "P1", "widgets", 3)
    assert show_device("P1.voip", app=APP)["pushType"] == "voip"

    ordinary = installation.work(publish("news", "Hi", app=APP).message_id)
    call = publish(
        "news",
        {"caller": "Ann"},
        delivery_options=DeliveryOptions(push_type="voip", push_singlecast=["P1"]),
        app=APP,
    )
    ringing = installation.work(call.message_id)
    widgets = installation.work(
        publish("news", "", delivery_options={"pushType": "widgets"}, app=APP).message_id
    )

    assert call.not_found == ()
    assert [run["accepted"] for run in (ordinary, ringing, widgets)] == [1, 1, 1]
    assert [run["audience"] for run in (ordinary, ringing, widgets)] == [1, 1, 1]
    got = sent(installation)
    headers = {number: got[token(number)]["headers"] for number in (1, 2, 3)}
    assert [headers[n]["apns-push-type"] for n in (1, 2, 3)] == ["alert", "voip", "widgets"]
    topic = installation.simulator.topic
    assert headers[2]["apns-topic"] == f"{topic}.voip"
    assert headers[2]["apns-expiration"] == "0"
    assert "apns-collapse-id" not in headers[2]
    said = json.loads(got[token(2)]["body"])
    assert (said["aps"], json.loads(said["message"])) == ({}, {"caller": "Ann"})
    assert json.loads(got[token(3)]["body"])["aps"] == {"content-changed": True}
    assert installation.simulator.received() == {token(n): 1 for n in (1, 2, 3)}


def test_a_type_that_needs_a_key_is_refused_where_there_is_a_certificate(
    installation: Installation,
) -> None:
    location = {"pushType": "location"}
    publish("news", "", delivery_options=location, app=APP)
    secret = get_settings().secret_key
    assert secret is not None
    certified = ApnsCredential(certificate_pem="".join(certificate()), topic="com.example.app")
    sealed = seal(secret.get_secret_value(), certified)
    with db.writing() as connection:
        change_credential(connection, APP, "apns", "production", sealed, now_ms())

    with pytest.raises(InvalidParameter, match="p8 key alone"):
        publish("news", "", delivery_options=location, app=APP)


def test_a_template_of_a_type_waits_and_is_cancelled_as_any(installation: Installation) -> None:
    register(installation, "P1", "", 1)
    register(installation, "P1", "voip", 2)
    template = PushTemplate.read({"name": "ring", "message": "{who} calls", "channelName": "news"})
    with db.writing() as connection:
        put_template(connection, APP, PUSH, template, now_ms())

    later = push_with_template(
        "ring", {"who": "Ann"}, push_type="voip", app=APP, publish_at=now_ms() + 3_600_000
    )
    cancel(later.message_id, app=APP)
    run = installation.work(
        push_with_template("ring", {"who": "Ann"}, push_type="voip", app=APP).message_id
    )

    assert status(later.message_id)["status"] == "cancelled"
    assert run["accepted"] == 1
    [(got, push)] = sent(installation).items()
    assert (got, json.loads(push["body"])["message"]) == (token(2), "Ann calls")


def test_a_topic_that_the_key_may_not_have_holds_no_alerts(installation: Installation) -> None:
    register(installation, "P1", "", 1)
    register(installation, "P1", "voip", 2)
    installation.simulator.rules(
        [{"match": {"prefix": token(2)}, "action": {"status": 400, "reason": "TopicDisallowed"}}]
    )

    refused = installation.work(
        publish("news", "Hi", delivery_options={"pushType": "voip"}, app=APP).message_id
    )
    ordinary = installation.work(publish("news", "Hi", app=APP).message_id)

    assert (refused["rejected"], refused["byReason"]) == (1, {"TopicDisallowed": 1})
    assert ordinary["accepted"] == 1
