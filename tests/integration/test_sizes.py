"""A push is measured for the systems that its audience has, and for no other."""

import pytest
from sqlalchemy import update

from push_pipeline import audience, db, errors, publish, register_device
from push_pipeline.cli.root import DONE, run
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import DEVICE, Device
from push_pipeline.settings import Settings
from tests.installation import Installation

#: Fits into FCM's data once, and not into APNs' document, where it stands twice.
LONG = "x" * 2_500

DROID = {"device_token": "x" * 150 + ":y", "os": "ANDROID"}


@pytest.fixture
def shop(settings: Settings, configure) -> None:
    configure(app_id="shop")
    with db.writing() as connection:
        ensure_app(connection, "shop", "Shop", now_ms())
    register_device("droid", channels=["droids", "both"], userId="d", **DROID)


def phone(**fields: object) -> None:
    register_device("phone", "ab" * 32, "IOS", channels=["phones", "both"], userId="p", **fields)


@pytest.mark.usefixtures("shop")
def test_what_is_too_large_for_nobody_there_is_published_and_told() -> None:
    warnings = publish("droids", LONG).warnings
    reasons = [f"too large for {system}, which nobody there has" for system in ("IOS", "OSX")]
    assert warnings == tuple(("message", reason) for reason in reasons)
    with pytest.raises(errors.StrictRefusal):
        publish("droids", LONG, strict=True)
    assert publish(None, LONG, users=["d"]).warnings == warnings

    phone()

    assert publish("droids", LONG).warnings == warnings
    assert (
        publish("both", LONG, delivery_options={"push_singlecast": ["droid"]}).warnings == warnings
    )
    assert publish("both", LONG, delivery_options={"push_broadcast": "ANDROID"}).warnings == ()
    for channel, users in (("both", None), ("phones", None), (None, ["d", "p"])):
        with pytest.raises(errors.PayloadTooLarge, match="IOS: the payload is"):
            publish(channel, LONG, users=users)


@pytest.mark.usefixtures("shop")
def test_what_is_too_large_for_every_system_is_refused_whoever_is_there() -> None:
    with pytest.raises(errors.PayloadTooLarge, match="ANDROID"):
        publish("nobody", "x" * 5_000)
    with pytest.raises(errors.PayloadTooLarge, match="IOS"):
        publish("nobody", LONG, delivery_options={"push_broadcast": "IOS|OSX"})


@pytest.mark.usefixtures("shop")
def test_a_device_out_of_service_limits_nobody_and_a_large_channel_may_have_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phone()
    monkeypatch.setattr(audience, "LOOKED_AT", 1)
    with pytest.raises(errors.PayloadTooLarge):  # one was looked at, and there may be more
        publish("droids", LONG)
    with db.writing() as connection:
        retired = update(Device).where(DEVICE.device_id == "phone").values(state="retired")
        connection.execute(retired)
    assert len(publish("both", LONG).warnings) == 2


def test_an_app_without_the_sdk_says_its_text_once(installation: Installation) -> None:
    installation.register(["ab" * 32])
    to_ios = {"push_broadcast": "IOS"}
    with pytest.raises(errors.PayloadTooLarge):
        publish("news", LONG, delivery_options=to_ios)
    assert run(["app", "set", "APP-1", "--no-sdk-copy"]) == DONE

    message_id = publish("news", LONG, delivery_options=to_ios).message_id

    assert installation.work(message_id)["accepted"] == 1
    [sent] = installation.simulator.log()
    assert sent["body"].count(LONG) == 1
    with pytest.raises(errors.PayloadTooLarge):
        publish("news", LONG, {"headers": {"ios-sdk-copy": 1}}, to_ios)
    with pytest.raises(errors.PayloadTooLarge):
        publish("news", "x" * 4_050, delivery_options=to_ios)
