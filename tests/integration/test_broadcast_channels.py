"""Broadcast channels of Apple's: made, listed, deleted, and pushed to, from end to end."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from push_pipeline import (
    cancel,
    create_broadcast_channel,
    db,
    delete_broadcast_channel,
    list_broadcast_channels,
    pause,
    push_to_broadcast_channel,
    resume,
    show_broadcast_channel,
    status,
)
from push_pipeline.cli import route_checks
from push_pipeline.cli.checks import examine
from push_pipeline.clock import iso, now_ms
from push_pipeline.console.rendering import fragment
from push_pipeline.errors import (
    AppleUnreachable,
    BroadcastChannelExists,
    BroadcastChannelRefused,
    InvalidParameter,
    PayloadTooLarge,
    UnknownBroadcastChannel,
)
from push_pipeline.ledger.message_lists import Wanted, list_newest
from push_pipeline.ledger.views import PARTS
from push_pipeline.models import Broadcast, BroadcastChannel, Run
from push_pipeline.settings import Settings
from tests.in_process import run_cli
from tests.installation import APP, Installation
from tests.integration.gateway_stand import make_app, running_gateway

pytestmark = pytest.mark.usefixtures("nobody_answers")


def test_a_channel_is_made_once_shown_and_deleted_at_apple(installation: Installation) -> None:
    made = create_broadcast_channel("game", app=APP)

    assert made["channelId"]
    assert (made["stores"], made["environment"]) == ("latest", "production")
    with pytest.raises(BroadcastChannelExists):
        create_broadcast_channel("game", app=APP)
    installation.simulator.behave(broadcast_channels=1)
    with pytest.raises(BroadcastChannelRefused, match="CannotCreateChannelConfig"):
        create_broadcast_channel("second", app=APP)
    assert show_broadcast_channel("game", app=APP) == {**made, "atApple": True}
    assert list_broadcast_channels(app=APP) == [made]
    delete_broadcast_channel("game", app=APP)
    with pytest.raises(UnknownBroadcastChannel):
        show_broadcast_channel("game", app=APP)
    assert list_broadcast_channels(at_apple=True, app=APP) == []


def test_what_apple_forgot_or_nobody_named_is_told(installation: Installation) -> None:
    create_broadcast_channel("game", stores="nothing", app=APP)
    installation.simulator.reset()  # Apple's side is another one now

    [gone] = list_broadcast_channels(at_apple=True, app=APP)
    assert (gone["name"], gone["atApple"]) == ("game", False)
    assert show_broadcast_channel("game", app=APP)["atApple"] is False
    delete_broadcast_channel("game", app=APP)


def test_an_app_without_the_capability_and_an_apple_that_is_away_leave_no_name(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    installation.simulator.behave(broadcasts=False)
    with pytest.raises(BroadcastChannelRefused, match="FeatureNotEnabled"):
        create_broadcast_channel("game", app=APP)
    configure(ca_file="/nowhere.pem")
    with pytest.raises(AppleUnreachable, match=r"PIPELINE_CA_FILE: cannot read /nowhere\.pem"):
        create_broadcast_channel("game", app=APP)
    installation.put_credentials(apns_url="https://127.0.0.1:9")
    with pytest.raises(AppleUnreachable):
        create_broadcast_channel("game", app=APP)

    assert list_broadcast_channels(app=APP) == []


def sent(installation: Installation) -> list[dict]:
    return [one for one in installation.simulator.log() if one["path"].startswith("/4/")]


def again(installation: Installation) -> None:
    """Let the tick take up what waits for a later attempt, as if the wait were over."""
    with db.writing() as connection:
        connection.execute(update(Run).values(lease_until=None))


def push(state: dict | None = None, **said: object) -> str:
    receipt = push_to_broadcast_channel("game", state or {"home": 1}, app=APP, **said)
    assert receipt.status == "scheduled"
    return receipt.message_id


def test_one_request_goes_out_and_no_device_is_counted(installation: Installation) -> None:
    installation.register(["a1" * 32])
    made = create_broadcast_channel("game", app=APP)

    runs = [installation.work(push()), installation.work(push({"home": 2}, event="end"))]

    told = [run["broadcast"] for run in runs]
    assert [one["outcome"] for one in told] == ["accepted", "accepted"]
    assert told[0]["timestamp"] < told[1]["timestamp"]
    assert (told[0]["audience"], told[0]["attempts"], told[0]["resent"]) == (None, 1, 0)
    for run in runs:
        assert {run[name] for name in ("audience", *PARTS)} == {0}
        assert run["state"] == "finished"
    first, second = sent(installation)
    assert first["path"].startswith("/4/broadcasts/apps/")
    assert first["headers"]["apns-channel-id"] == made["channelId"]
    assert first["headers"]["apns-request-id"] == told[0]["requestId"]
    assert "apns-topic" not in first["headers"]
    assert [one["headers"]["apns-priority"] for one in (first, second)] == ["5", "10"]
    aps = json.loads(first["body"])["aps"]
    assert (aps["event"], aps["content-state"]) == ("update", {"home": 1})
    assert aps["timestamp"] == told[0]["timestamp"]


def test_a_channel_that_stores_nothing_takes_no_lifetime(installation: Installation) -> None:
    create_broadcast_channel("game", stores="nothing", app=APP)
    with pytest.raises(InvalidParameter, match="keeps nothing"):
        push(ttl=60)

    assert installation.work(push())["broadcast"]["outcome"] == "accepted"
    assert sent(installation)[0]["headers"]["apns-expiration"] == "0"


def test_what_no_channel_takes_is_refused_before_anything_is_written(
    installation: Installation,
) -> None:
    with pytest.raises(UnknownBroadcastChannel):
        push()
    create_broadcast_channel("game", app=APP)
    with pytest.raises(PayloadTooLarge):
        push({"x": "y" * 5_200})
    with pytest.raises(InvalidParameter, match="starts no activity"):
        push_to_broadcast_channel("game", {}, event="start", app=APP)
    with pytest.raises(InvalidParameter, match="28800 seconds"):
        push(ttl=timedelta(hours=9))
    with pytest.raises(InvalidParameter, match="one language"):
        push(alert={"default": "Goal", "de": "Tor"})


def test_a_delayed_one_is_cancelled_and_a_paused_one_goes_on(installation: Installation) -> None:
    create_broadcast_channel("game", app=APP)
    later = push(publish_at=datetime.now(UTC) + timedelta(hours=1))
    cancel(later, app=APP)
    stopped = push()
    pause(stopped, app=APP)

    assert installation.work(stopped)["broadcast"] is None
    resume(stopped, app=APP)
    assert installation.work(stopped)["broadcast"]["outcome"] == "accepted"
    assert status(later)["status"] == "cancelled"
    assert len(sent(installation)) == 1


def test_a_channel_that_apple_has_no_more_fails_the_message_and_rests_no_route(
    installation: Installation,
) -> None:
    installation.register(["a1" * 32])
    create_broadcast_channel("game", app=APP)
    installation.simulator.reset()
    message_id = push()

    run = installation.work(message_id)

    assert (run["broadcast"]["outcome"], run["broadcast"]["reason"]) == (
        "rejected",
        "ChannelNotRegistered",
    )
    assert status(message_id)["status"] == "failed"
    assert installation.work(installation.publish())["accepted"] == 1


def test_an_outage_is_waited_for_and_the_timestamp_stays(installation: Installation) -> None:
    made = create_broadcast_channel("game", app=APP)
    rule = {
        "match": {"prefix": made["channelId"]},
        "action": {"status": 503, "reason": "ServiceUnavailable"},
        "times": 1,
    }
    installation.simulator.rules([rule])
    message_id = push()

    waiting = installation.work(message_id)["broadcast"]
    [told] = route_checks.broadcasts()
    again(installation)
    done = installation.work(message_id)["broadcast"]

    assert (waiting["outcome"], done["outcome"], done["attempts"]) == (None, "accepted", 2)
    assert (done["timestamp"], done["resent"]) == (waiting["timestamp"], 0)
    assert (told.ok, told.says.partition(", ")[0]) == (
        True,
        "APP-1: 1 to broadcast channels not taken by Apple yet",
    )
    assert list(route_checks.broadcasts()) == []


@pytest.mark.parametrize(
    ("alert", "outcome", "resent"), [(None, "accepted", 1), ("Goal!", "unknown", 0)]
)
def test_what_a_killed_worker_left_goes_again_unless_it_rings(
    installation: Installation, alert: str | None, outcome: str, resent: int
) -> None:
    made = create_broadcast_channel("game", app=APP)
    rule = {"match": {"prefix": made["channelId"]}, "action": {"status": 503}, "times": 1}
    installation.simulator.rules([rule])
    message_id = push(alert=alert)
    installation.work(message_id)
    with db.writing() as connection:  # as one leaves it that dies after its request is out
        connection.execute(update(Broadcast).values(in_doubt=True))
    again(installation)

    told = installation.work(message_id)["broadcast"]

    assert (told["outcome"], told["resent"]) == (outcome, resent)


def test_all_of_it_on_the_command_line_says_that_the_audience_is_unknown(
    installation: Installation,
) -> None:
    made = run_cli("broadcast-channel", "create", "game", "--store", "nothing")
    assert made.stdout.split()[:2] == ["game", "production"]
    pushed = run_cli("broadcast-channel", "push", "game", '{"home": 1}', "--alert", "Goal!")
    message_id = pushed.stdout.strip()
    installation.work(message_id)

    shown = run_cli("status", message_id).stdout
    [row] = map(json.loads, run_cli("export", message_id).stdout.splitlines())
    found = {one.name: one for one in examine()}["broadcast channels"]

    assert "broadcast channel game (production): accepted; audience unknown" in " ".join(
        shown.split()
    )
    assert (row["broadcast"]["outcome"], row["broadcast"]["audience"]) == ("accepted", None)
    assert (found.ok, found.says.partition(", ")[0]) == (True, "APP-1 production: 1 of 10,000")
    with db.reading() as connection:
        [[listed], _] = list_newest(connection, APP, Wanted())
    rows = fragment("message_rows.html", listed=[listed], app_id=APP, troubles=[])
    assert "broadcast channel game" in rows
    assert "unknown" in rows


def test_channels_that_nobody_uses_are_shown_and_told_of_near_apples_limit(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3_600_000
    now = now_ms()
    rows = [
        ("made long ago", now - 60 * day, None),
        ("new", now, None),
        ("pushed to", now - 90 * day, now - day),
        ("left", now - 90 * day, now - 70 * day),
    ]
    names = ("name", "created_at", "pushed_at")
    shared = {
        "app_id": APP,
        "stamp": 0,
        "environment": "production",
        "stores": "latest",
        "channel_id": "x",
    }
    with db.writing() as connection:
        told = [{**shared, **dict(zip(names, row, strict=True))} for row in rows]
        connection.execute(insert(BroadcastChannel), told)
    monkeypatch.setattr(route_checks, "CHANNELS_MAX", 4)

    listed = run_cli("broadcast-channel", "list").stdout.splitlines()
    idle = run_cli("broadcast-channel", "list", "--idle", "30d").stdout.splitlines()
    wrong = run_cli("broadcast-channel", "list", "--idle", "30d", "--at-apple")
    [found] = route_checks.broadcast_channels()

    assert len(listed) == 4
    assert [line.split("  ")[0] for line in idle] == ["left", "made long ago"]
    assert f"last push {iso(now - 70 * day)}" in idle[0]
    assert f"not pushed to since it was made at {iso(now - 60 * day)}" in idle[1]
    assert wrong.returncode == 1
    assert not found.ok
    assert "4 of 4" in found.says
    assert f"not pushed to since {iso(now - 70 * day)}" in found.says
    assert "broadcast-channel list --idle 30d --app APP-1" in found.says


def test_all_of_it_over_http(installation: Installation) -> None:
    make_app()
    path = "/messaging/broadcast-channels"
    with running_gateway() as api:
        made = api("POST", path, {"name": "game"}).body
        pushed = api("POST", f"{path}/game", {"state": {"home": 1}, "publishAt": 1})
        wrong = api("POST", f"{path}/game", {"event": "start"})
        unknown = api("POST", f"{path}/other", {"state": {}})
        sent_off = api("POST", f"{path}/game", {"state": {"home": 1}}).body
        installation.work(sent_off["messageId"])
        ledger = api("GET", f"/messaging/{sent_off['messageId']}/ledger").body
        listed = api("GET", f"{path}?atApple=true").body
        shown = api("GET", f"{path}/game").body
        gone = api("DELETE", f"{path}/game")

    assert pushed.fault == (400, 5030)
    assert wrong.fault == (400, 8008)
    assert unknown.fault == (404, 5010)
    assert ledger["runs"][0]["broadcast"]["outcome"] == "accepted"
    assert [one["channelId"] for one in listed] == [made["channelId"]]
    assert shown["atApple"] is True
    assert gone.body is True
