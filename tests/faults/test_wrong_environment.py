"""Single pushes through a wrong environment put nobody out of service; the route is held."""

from collections.abc import Callable

import pytest

from push_pipeline import push_to_user, resume, status
from push_pipeline.cli.checks import examine
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import ios
from tests.installation import Installation

pytestmark = pytest.mark.usefixtures("nobody_answers")

DEVICES = 24

#: Tokens that may be refused, at the most, before the route is held.
REFUSED = 8


def test_a_wrong_environment_is_noticed_by_single_pushes(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(retry_factor=1)
    installation.context = Context()
    wrong = {"match": {"provider": "apns"}, "action": {"reason": "BadDeviceToken"}}
    installation.simulator.rules([wrong])
    for number, token in enumerate(ios(DEVICES)):
        installation.register([token], userId=f"user-{number}")

    messages = [push_to_user(f"user-{n}", "Dinner").message_id for n in range(DEVICES)]
    for message_id in messages:
        installation.work(message_id)

    assert set(installation.device_states().values()) == {("active", None)}
    held = [one for one in examine() if one.name == "credentials" and not one.ok]
    assert "wrong environment" in held[0].says
    assert "wrong environment" in str(status(messages[-1])["errorMessage"])
    waiting = [one for one in messages if installation.run(one)["inFlight"]]
    assert len(waiting) >= DEVICES - REFUSED
    assert len(installation.simulator.log()) <= REFUSED

    installation.simulator.rules([])
    resume(waiting[0])
    installation.hurry()
    for message_id in waiting:
        installation.work(message_id)
    assert all(installation.run(one)["accepted"] for one in waiting)
