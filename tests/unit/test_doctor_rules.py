"""What `doctor` makes of what it sees."""

from push_pipeline import queues
from push_pipeline.cli.checks import unserved
from push_pipeline.cli.route_checks import without_way


def test_a_queue_is_missed_where_an_app_can_send_by_it() -> None:
    phones = {"publish", "schedule", "apns", "apns.bulk", "fcm"}
    assert unserved(phones, {"apns", "fcm"}) == ["fcm.bulk"]
    assert unserved(phones, {"apns", "webpush"}) == ["webpush", "webpush.bulk"]
    assert unserved([], []) == ["publish", "schedule"]
    assert unserved(queues.QUEUES, {"apns", "fcm", "webpush"}) == []


def test_a_platform_without_a_way_is_named() -> None:
    assert without_way({"apns", "fcm", "webpush"}) == []
    assert without_way({"fcm"}) == ["OSX", "WEB"]
    assert without_way({"apns"}) == ["ANDROID", "WEB"]
