"""A message once more, to its devices that no answer came for, and to nobody else."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import update

from push_pipeline import db, publish, resend, status
from push_pipeline.cli.root import DONE, FAILED, run
from push_pipeline.errors import NothingToResend
from push_pipeline.models import DEVICE, Device
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.installation import APP, Installation

ANSWERED = [f"1{n:063x}" for n in range(4)]
CUT = [f"c1{n:062x}" for n in range(3)]
ANDROID = [f"q{0:021d}:APA91b{'z' * 134}"]


@pytest.fixture(autouse=True)
def never_twice(installation: Installation, configure: Callable[..., Settings]) -> None:
    configure(unknown_policy="at-most-once", connections=1)
    installation.context = Context()


def publish_and_lose(installation: Installation) -> str:
    """Publish to devices of which those that begin with c1 or q get it, and nobody hears so."""
    lose = {"action": {"cut": "processed"}}
    installation.simulator.rules([{"match": {"prefix": prefix}, **lose} for prefix in ("c1", "q")])
    said = {"headers": {"ios-badge": "+1"}}
    message_id = publish("news", "Dinner", said, {"ttl": 3_600}).message_id
    work(installation, message_id)
    installation.simulator.rules([])
    return message_id


def work(installation: Installation, message_id: str) -> None:
    while installation.work(message_id)["inFlight"]:
        installation.hurry()


def test_those_without_an_answer_get_it_again_and_each_second_copy_is_counted(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.register([*ANSWERED, *CUT])
    installation.register(ANDROID, "ANDROID")
    message_id = publish_and_lose(installation)
    first = installation.run(message_id)
    lost = first["unknown"]
    assert lost >= 4
    assert (first["accepted"], status(message_id)["resendable"]) == (8 - lost, lost)
    with db.writing() as connection:
        connection.execute(update(Device).where(DEVICE.token == CUT[2]).values(state="retired"))
    assert status(message_id)["resendable"] == lost - 1
    before = Counter(installation.simulator.received())

    assert run(["resend", message_id]) == FAILED  # to whom is not said
    assert run(["resend", message_id, "--unknown", "--dry-run"]) == DONE
    assert capsys.readouterr().out == f"{lost - 1} devices would be sent to again\n"
    assert run(["resend", message_id, "--unknown", "--yes", "--json"]) == DONE
    again = json.loads(capsys.readouterr().out)["messageId"]
    work(installation, again)

    found = installation.run(again)
    assert (found["audience"], found["accepted"], found["resent"]) == (lost - 1,) * 3
    ledger = status(message_id)
    assert (ledger["resendable"], ledger["resentAs"]) == (0, [again])
    assert (status(again)["resendOf"], status(again)["status"]) == (message_id, "published")
    twice = Counter(installation.simulator.received()) - before
    assert set(twice.values()) == {1}
    assert {*CUT[:2], *ANDROID} <= set(twice)
    told = [one for one in installation.simulator.log() if one["token"] == CUT[0]]
    assert len({one["headers"]["apns-collapse-id"] for one in told}) == 1
    assert {json.loads(one["body"])["aps"]["badge"] for one in told} == {1}
    with pytest.raises(NothingToResend):
        resend(message_id)


def test_what_was_cancelled_or_is_not_known_is_not_sent_again(installation: Installation) -> None:
    installation.register(CUT[:1])
    message_id = publish_and_lose(installation)
    with db.writing() as connection:
        connection.exec_driver_sql("UPDATE pipeline_message SET state = 'cancelled'")

    assert status(message_id)["resendable"] == 0
    for one in (message_id, "message:NONE"):
        with pytest.raises(NothingToResend):
            resend(one, app=APP)
    assert run(["resend", "NONE", "--unknown", "--yes"]) == FAILED
