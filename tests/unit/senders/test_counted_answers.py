"""What providers answer is counted under labels of closed lists."""

import pytest

from push_pipeline.outcome import Outcome, Verdict
from push_workers.senders.answers import count_answers, label_of
from push_workers.senders.apns.responses import REASONS as OF_APNS
from push_workers.senders.fcm.responses import REASONS as OF_FCM
from tests.unit.senders import answers_of_apns, answers_of_fcm


def test_answers_are_counted_by_status_and_reason() -> None:
    gone, silent = Verdict(Outcome.GONE, "Unregistered"), Verdict(Outcome.UNKNOWN, "Timeout")
    odd = Verdict(Outcome.REJECTED, "DeviceTokenAbc123")

    counted = count_answers(2, [(410, gone), (0, silent), (400, odd)], OF_APNS)

    assert counted == {
        ("200", ""): 2,
        ("410", "Unregistered"): 1,
        ("none", "Timeout"): 1,
        ("400", "other"): 1,
    }
    assert count_answers(0, [], OF_APNS) == {}


@pytest.mark.parametrize(
    ("reason", "label"),
    [(None, ""), ("Status502", ""), ("GoAway:Shutdown", "GoAway"), ("Reset:Cancel", "other")],
)
def test_what_is_said_elsewhere_or_is_the_peers_is_no_label(reason: str | None, label: str) -> None:
    assert label_of(reason, OF_APNS) == label


def test_every_documented_word_has_its_label() -> None:
    said = {reason for _, reason, _ in answers_of_apns.ROWS}
    said |= {row.reason for row in answers_of_fcm.ROWS.values()}
    others = {reason for reason in said if label_of(reason, OF_APNS | OF_FCM) == "other"}
    assert {reason for reason in others if "Moon" not in str(reason)} == {"NoMessageName"}  # a 200
