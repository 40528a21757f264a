"""What is written without its shape is written as the shape has it."""

import pytest

from push_pipeline.devices.registration import check_registration
from push_pipeline.field_warning import FieldWarning
from push_pipeline.gateway.wire import (
    MessageStatus,
    RegistrationId,
    registration_id,
    registration_text,
    status_text,
    told,
)
from push_pipeline.ledger.messages import Receipt

_WARNED = (FieldWarning("channel", 'nobody is in "ä\u2028"'), FieldWarning("x", ""))


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("message:1", "scheduled"),
        Receipt("message:1", "failed", "no recipients", not_found=("d-1", "ü"), replayed=True),
        Receipt("message:1", "scheduled", warnings=_WARNED, not_found=("d-1",)),
    ],
)
def test_the_text_of_a_status_is_that_of_its_shape(receipt: Receipt) -> None:
    shape = MessageStatus.of(receipt)

    assert status_text(receipt).decode() == shape.model_dump_json(by_alias=True)


@pytest.mark.parametrize("fields", [{}, {"timezone": "Nowhere/At/All", "channels": ["a", "ö"]}])
def test_the_text_of_a_registration_is_that_of_its_shape(fields: dict[str, object]) -> None:
    device = {"deviceId": "d", "deviceToken": "ab" * 32, "os": "IOS"}
    wanted = check_registration({**device, **fields}, 0)
    shape = RegistrationId(
        registration_id=registration_id(7, wanted.channels), warnings=told(wanted.warnings)
    )

    assert registration_text(7, wanted).decode() == shape.model_dump_json(by_alias=True)
    assert bool(wanted.warnings) == bool(fields)
