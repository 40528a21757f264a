"""An integer of any size is kept and told as it was said, by both databases."""

import json

from sqlalchemy import select

from push_pipeline import db
from push_pipeline.audience import Selection, count_members
from push_pipeline.clock import now_ms
from push_pipeline.models import DEVICE, MESSAGE, USER
from tests.integration.gateway_stand import APP, Client

BIG = 123_456_789_012_345_678_901_234_567_890


def test_an_integer_beyond_64_bits_is_kept_to_its_last_digit(api: Client) -> None:
    assert api.register(channels=["news"]).status == 200
    device = {"deviceId": "dev-2", "deviceToken": "cd" * 32, "os": "IOS", "properties": {"n": BIG}}
    publish = {"message": {"n": BIG}, "headers": {"id": BIG}}
    for method, path, body in (
        ("POST", "/messaging/registrations", device),
        ("PUT", "/users/u1", {"n": BIG}),
        ("POST", "/messaging/news", publish),
    ):
        assert api(method, path, json.dumps(body).encode()).status == 200

    with db.reading() as connection:
        content = connection.execute(select(MESSAGE.content)).scalar_one()
        of_device = connection.execute(
            select(DEVICE.properties).where(DEVICE.device_id == "dev-2")
        ).scalar_one()
        selected = Selection(APP, "default", ("IOS",), segment="properties.n > 5")
        assert count_members(connection, selected, now_ms()) == 1
        of_user = connection.execute(select(USER.properties)).scalar_one()
    assert (content["message"], content["headers"]) == ({"n": BIG}, {"id": BIG})
    assert of_device == of_user == {"n": BIG}


def test_what_is_no_number_is_named(api: Client) -> None:
    for text in (b"NaN", b"1e999"):
        answer = api("POST", "/messaging/news", b'{"message": "x", "headers": {"n": %b}}' % text)
        assert answer.fault == (400, 8004)
        assert f"{text.decode()} is no number of JSON" in answer.body["message"]
