"""Live Activities end to end: by the provider's rules, on both databases, without a worker."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from push_pipeline import (
    cancel,
    db,
    end_activity,
    erase_user,
    export_user,
    register_device,
    report_activity_token,
    show_activity,
    start_activity,
    status,
    update_activity,
)
from push_pipeline.cli import route_checks
from push_pipeline.clock import now_ms
from push_pipeline.console.phone import phones as phones_of
from push_pipeline.credentials import ApnsCredential, seal
from push_pipeline.devices.owners import unlink_device
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.errors import (
    DedupeKeyReused,
    EmptyAudience,
    InvalidParameter,
    InvalidPublishAt,
    MissingParameter,
    OperationDenied,
    PayloadTooLarge,
    QuotaExceeded,
    UnknownActivity,
    UnknownDevice,
    UnknownTemplate,
)
from push_pipeline.ledger.message_lists import Wanted, find_stored, list_newest
from push_pipeline.ledger.new_credential import change_credential
from push_pipeline.ledger.retention import prune
from push_pipeline.models import (
    ACTIVITY,
    ACTIVITY_ADDRESS,
    DEVICE,
    MESSAGE,
    Activity,
    ActivityAddress,
    Credential,
    Run,
)
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.draft import Draft
from push_pipeline.settings import get_settings
from push_pipeline.template.stored import PushTemplate
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.installation import APP, Installation
from tests.processes import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text()
TYPE = "MatchAttributes"
START: dict[str, Any] = {
    "attributes": {"home": "Ajax"},
    "state": {"score": "0-0"},
    "alert": {"title": "Kick-off", "body": "Ajax"},
}


def ios(number: int) -> str:
    return f"{number:064x}"


def starting(number: int) -> str:
    return "a" * 64 + ios(number)


def updating(number: int) -> str:
    return "b" * 64 + ios(number)


def fcm(number: int) -> str:
    return f"q{number:021d}:APA91b{'z' * 134}"


@pytest.fixture
def phones(installation: Installation) -> list[str]:
    """Two iPhones that may be started on, one that may not, and an Android device."""
    ids = installation.register([ios(1), ios(2), ios(3)], userId="ada")
    for number, device_id in enumerate(ids[:2], 1):
        report_activity_token(device_id, starting(number), attributes_type=TYPE)
    with db.writing() as connection:  # a credential that has worked before
        connection.execute(update(Credential).values(accepted_at=1))
    return [*ids, *installation.register([fcm(4)], "ANDROID", userId="ada")]


def sent(installation: Installation) -> list[tuple[str, Any]]:
    """Return what each token got, oldest first."""
    return [(one["token"], json.loads(one["body"])) for one in installation.simulator.log()]


def put(template: dict[str, Any]) -> None:
    """Store a template."""
    look = {"options": {"ios": {"alertTitle": "Goal", "sound": "horn.caf"}}}
    checked = PushTemplate.read({"name": "goal", **look, **template})
    with db.writing() as connection:
        put_template(connection, APP, PUSH, checked, now_ms())


def started(installation: Installation, activity_id: str = "match-42") -> dict[str, Any]:
    receipt = start_activity(activity_id, TYPE, **START, users="ada")
    return dict(installation.work(receipt.message_id))


def test_an_activity_is_started_updated_and_ended_where_it_is(
    installation: Installation, phones: list[str]
) -> None:
    kinds = {ios(1): "device", starting(1): "start", updating(1): "activity"}
    installation.simulator.devices([{"token": t, "kind": kind} for t, kind in kinds.items()])
    run = started(installation)
    assert (run["audience"], run["accepted"]) == (3, 3)
    report_activity_token(phones[0], updating(1), activity_id="match-42")

    update = update_activity("match-42", {"score": "1-0"}, alert="Goal")
    assert installation.work(update.message_id)["accepted"] == 2
    end = end_activity("match-42")
    assert installation.work(end.message_id)["accepted"] == 2

    log = installation.simulator.log()
    assert [one["token"] for one in log if one["provider"] == "apns"] == [
        *[starting(1), starting(2)],
        *[updating(1)] * 2,
    ]
    for one in log:
        if one["provider"] == "apns":
            assert one["headers"]["apns-topic"].endswith(".push-type.liveactivity")
            assert one["headers"]["apns-push-type"] == "liveactivity"
            assert one["headers"]["apns-priority"] == "10"
    last = json.loads(log[-1]["body"] if log[-1]["provider"] == "apns" else log[-2]["body"])
    assert last["aps"]["content-state"] == {"score": "1-0"}  # the end has the last state
    events = [body["message"]["data"] for token, body in sent(installation) if token == fcm(4)]
    assert [one["event"] for one in events] == ["start", "update", "end"]
    stamps = [int(one["timestamp"]) for one in events]
    assert stamps == sorted(set(stamps))
    [screen] = installation.simulator.device(updating(1))["screens"].values()
    assert json.loads(screen["activity"])["aps"]["event"] == "end"
    shown = show_activity("match-42")
    assert (shown["event"], shown["addresses"], shown["addressesEnded"]) == ("end", 0, 2)
    with pytest.raises(UnknownActivity):
        update_activity("match-42", {"score": "2-0"})


def test_an_alert_is_in_the_language_of_each_device(installation: Installation) -> None:
    installation.simulator.devices([{"token": fcm(2), "provider": "fcm", "platform": "ios"}])
    ids = [
        *installation.register([ios(1)], locale="de-AT", userId="ada"),
        *installation.register([ios(2)], locale="fr", userId="ada"),
        *installation.register([fcm(2)], locale="de", tokenType="fcm", userId="ada"),
    ]
    installation.register([fcm(3)], "ANDROID", locale="de", userId="ada")
    for number, device_id in enumerate(ids, 1):
        report_activity_token(device_id, starting(number), attributes_type=TYPE)
    titles = {"default": "Kick-off", "de": "Anpfiff"}
    alert = {"title": titles, "body": {"loc-key": "BODY"}}

    receipt = start_activity("match-42", TYPE, **{**START, "alert": alert}, users="ada")
    run = installation.work(receipt.message_id)

    assert (run["audience"], run["accepted"]) == (4, 4)
    got = dict(sent(installation))
    german, french = {**alert, "title": "Anpfiff"}, {**alert, "title": "Kick-off"}
    assert got[starting(1)]["aps"]["alert"] == german
    assert got[starting(2)]["aps"]["alert"] == french
    apns = got[fcm(2)]["message"]["apns"]
    assert (apns["payload"]["aps"]["alert"], apns["live_activity_token"]) == (german, starting(3))
    data = got[fcm(3)]["message"]["data"]
    assert (json.loads(data["alert"]), data["timestamp"]) == (
        german,
        str(got[starting(1)]["aps"]["timestamp"]),
    )
    with db.reading() as connection:
        [content] = connection.scalars(select(MESSAGE.content))
    assert content["languages"] == {"de": {"activity": {"alert": german}}}


def test_a_template_says_the_alert_and_what_is_done_to_it_later_changes_nothing(
    installation: Installation, phones: list[str]
) -> None:
    put({"message": {"default": "{who} leads", "de": "{who} führt"}})
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    goal: dict[str, Any] = {"template": "goal", "dedupe_key": "goal-1"}
    ajax = {"template_values": {"who": "Ajax"}}

    first = update_activity("match-42", {"score": "1-0"}, **goal, **ajax)
    put({"message": "{who} scored"})
    again = update_activity("match-42", {"score": "1-0"}, **goal, **ajax)
    with pytest.raises(DedupeKeyReused):
        update_activity("match-42", {"score": "1-0"}, **goal, template_values={"who": "PSV"})
    installation.work(first.message_id)

    assert (again.message_id, again.replayed) == (first.message_id, True)
    [(_, body)] = sent(installation)
    assert body["aps"]["alert"] == {"title": "Goal", "body": "Ajax leads", "sound": "horn.caf"}
    with db.reading() as connection:
        [content] = connection.scalars(select(MESSAGE.content))
    assert content["template"] == "goal"
    assert content["languages"]["de"]["activity"]["alert"]["body"] == "Ajax führt"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"template": "none such"}, UnknownTemplate),
        ({"template": "goal"}, MissingParameter),
        ({"template": "goal", "alert": "Goal"}, InvalidParameter),
        ({"template_values": {"who": "Ajax"}}, MissingParameter),
        ({"template": "theirs"}, InvalidParameter),
    ],
)
def test_a_template_that_says_no_alert_is_refused_before_anything_is_written(
    installation: Installation, phones: list[str], said: dict[str, Any], error: type[Exception]
) -> None:
    put({"message": "{who} leads"})
    put({"name": "theirs", "message": "Dear {Users.name}"})
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    with pytest.raises(error):
        update_activity("match-42", {"score": "1-0"}, **said)
    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).all() == []


def test_who_switched_frequent_updates_off_is_alerted_at_the_priority_that_costs_nothing(
    installation: Installation, phones: list[str]
) -> None:
    installation.simulator.devices([{"token": fcm(5), "provider": "fcm", "platform": "ios"}])
    [firebase] = installation.register([fcm(5)], "IOS", tokenType="fcm")
    frequent = {phones[0]: True, phones[1]: False, phones[2]: None, firebase: False}
    for number, (device_id, told) in enumerate(frequent.items(), 1):
        report_activity_token(device_id, updating(number), activity_id="match-42", frequent=told)

    def priorities(**said: Any) -> list[str]:
        told: Any = {"alert": {"default": "Goal", "de": "Tor"}, **said}
        receipt = update_activity("match-42", {"score": "1-0"}, **told)
        assert installation.work(receipt.message_id)["accepted"] == 4
        seen = {
            one["token"]: one["headers"].get("apns-priority")
            or json.loads(one["body"])["message"]["apns"]["headers"]["apns-priority"]
            for one in installation.simulator.log()[-4:]
        }
        return [seen[one] for one in (*map(updating, (1, 2, 3)), fcm(5))]

    assert priorities() == ["10", "5", "10", "5"]
    assert priorities(priority=10) == ["10"] * 4
    assert priorities(alert=None) == ["5"] * 4


def test_an_update_that_was_overtaken_is_not_sent_and_the_ledger_says_so(
    installation: Installation, phones: list[str]
) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    older = update_activity("match-42", {"score": "1-0"})
    goal = update_activity("match-42", {"score": "2-0"}, alert="Goal")
    newest = update_activity("match-42", {"score": "2-1"})

    runs = [installation.work(one.message_id) for one in (newest, goal, older)]

    assert [one["byReason"] for one in runs] == [{}, {}, {"Superseded": 1}]
    assert [one["cancelled"] for one in runs] == [0, 0, 1]
    states = [body["aps"]["content-state"]["score"] for _, body in sent(installation)]
    assert states == ["2-1", "2-0"]  # the one that alerts goes all the same


def test_a_dead_token_ends_its_address_and_no_device(
    installation: Installation, phones: list[str]
) -> None:
    for number in (1, 2):
        report_activity_token(phones[number - 1], updating(number), activity_id="match-42")
    installation.simulator.devices([{"token": updating(1), "state": "dead"}])

    run = installation.work(update_activity("match-42", {"score": "1-0"}).message_id)

    assert (run["accepted"], run["byReason"]) == (1, {"Unregistered": 1})
    assert {state for state, _ in installation.device_states().values()} == {"active"}
    assert show_activity("match-42")["addressesEnded"] == 1
    after = installation.work(update_activity("match-42", {"score": "2-0"}).message_id)
    assert after["audience"] == 1


def test_dead_tokens_of_an_activity_prove_nothing_against_the_route(
    installation: Installation,
) -> None:
    [first, *_] = installation.register([ios(number) for number in range(210)])
    report_activity_token(first, updating(0), activity_id="match-42")
    with db.writing() as connection:
        key = connection.scalar(select(ACTIVITY.id))
        others = connection.scalars(select(DEVICE.id).order_by(DEVICE.id).offset(1)).all()
        rows = [
            {"app_id": APP, "device_key": one, "activity_key": key, "token": updating(n)}
            for n, one in enumerate(others, 1)
        ]
        connection.execute(insert(ActivityAddress).values(reported_at=1), rows)
    installation.simulator.devices(
        [{"token": updating(number), "state": "dead"} for number in range(210)]
    )

    run = installation.work(update_activity("match-42", {"score": "1-0"}).message_id)

    assert run["byReason"] == {"Unregistered": 210}
    assert installation.work(installation.publish())["accepted"] == 210


def test_an_address_goes_with_its_device_and_with_its_user(
    installation: Installation, phones: list[str]
) -> None:
    for number in (1, 2):
        report_activity_token(phones[number - 1], updating(number), activity_id="match-42")

    unlink_device(phones[0], app=APP)
    run = installation.work(update_activity("match-42", {"score": "1-0"}).message_id)

    assert run["audience"] == 1
    with db.reading() as connection:
        theirs = select(ACTIVITY_ADDRESS.activity_key, ACTIVITY_ADDRESS.token).where(
            ACTIVITY_ADDRESS.token.in_([starting(1), updating(1)])
        )
        assert connection.execute(theirs).all() == [(None, starting(1))]


def test_who_it_was_not_started_for_cannot_say_that_they_have_it(
    installation: Installation, phones: list[str]
) -> None:
    started(installation)
    [stranger, of_ada] = [
        *installation.register([ios(8)], userId="eve"),
        *installation.register([ios(9)], userId="ada"),
    ]

    with pytest.raises(OperationDenied):
        report_activity_token(stranger, updating(8), activity_id="match-42")
    report_activity_token(of_ada, updating(9), activity_id="match-42")
    receipt = start_activity("match-42", TYPE, **START, channel="news")
    installation.work(receipt.message_id)

    report_activity_token(stranger, updating(8), activity_id="match-42")
    run = installation.work(update_activity("match-42", {"score": "1-0"}).message_id)
    assert run["audience"] == 3  # theirs, ada's and the Android device's


def test_a_users_export_tells_of_activities_and_an_erasure_takes_them(
    installation: Installation, phones: list[str]
) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")

    held = [(one["activityId"], one["attributesType"]) for one in export_user("ada")["activities"]]
    erase_user("ada")

    assert sorted(held, key=str) == [("match-42", None), (None, TYPE), (None, TYPE)]
    with db.reading() as connection:
        assert connection.scalars(select(ACTIVITY_ADDRESS.id)).all() == []


def test_an_iphone_by_fcm_gets_the_activitys_token_beside_its_own(
    installation: Installation,
) -> None:
    installation.simulator.devices([{"token": fcm(1), "provider": "fcm", "platform": "ios"}])
    [device_id] = installation.register([fcm(1)], "IOS", tokenType="fcm", userId="ada")
    report_activity_token(device_id, starting(1), attributes_type=TYPE)

    run = started(installation)

    assert run["accepted"] == 1
    [(token, body)] = sent(installation)
    apns = body["message"]["apns"]
    assert (token, apns["live_activity_token"]) == (fcm(1), starting(1))
    assert apns["headers"]["apns-priority"] == "10"
    assert apns["payload"]["aps"]["attributes-type"] == TYPE


def test_a_token_that_comes_late_is_told_what_is_shown_or_that_it_is_over(
    installation: Installation, phones: list[str]
) -> None:
    started(installation)
    update_activity("match-42", {"score": "1-0"})

    late = report_activity_token(phones[0], updating(1), activity_id="match-42")
    end_activity("match-42")
    later = report_activity_token(phones[1], updating(2), activity_id="match-42")

    assert (late.ended, late.state) == (False, {"score": "1-0"})
    assert later.ended


def test_timestamps_rise_also_within_a_second_and_not_without_end(
    installation: Installation, phones: list[str]
) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    for score in range(3):
        update_activity("match-42", {"score": score})
    with db.reading() as connection:
        contents = connection.scalars(select(MESSAGE.content).order_by(MESSAGE.created_at))
        stamps = sorted(one["activity"]["timestamp"] for one in contents)
    assert len(set(stamps)) == 3
    with db.writing() as connection:
        connection.execute(update(Activity).values(stamped_at=ACTIVITY.stamped_at + 120))
    with pytest.raises(QuotaExceeded):
        update_activity("match-42", {"score": 4})


def test_many_urgent_updates_are_told_of(installation: Installation, phones: list[str]) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    receipts = [update_activity("match-42", {"n": n}, priority=10) for n in range(16)]

    assert receipts[14].warnings == ()
    assert [one.field for one in receipts[15].warnings] == ["priority"]
    assert update_activity("match-42", {"n": 16}).warnings != ()


def test_a_start_where_nobody_can_be_started_says_so(
    installation: Installation, phones: list[str]
) -> None:
    assert start_activity("match-42", TYPE, **START, users="ada").warnings == ()
    for field, meant in (("pushSinglecast", {"devices": phones[2]}), ("users", {"users": "bob"})):
        (told,) = start_activity("match-43", TYPE, **START, **meant).warnings
        assert told.field == field
        assert told.reason.endswith("reported a push-to-start token for 'MatchAttributes'")


def test_the_same_key_gives_the_same_receipt_and_no_new_timestamp(
    installation: Installation, phones: list[str]
) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    first = update_activity("match-42", {"score": "1-0"}, dedupe_key="goal-1")
    again = update_activity("match-42", {"score": "1-0"}, dedupe_key="goal-1")

    assert (again.message_id, again.replayed) == (first.message_id, True)
    assert installation.work(first.message_id)["accepted"] == 1


def test_a_start_can_be_cancelled_and_what_ended_starts_nowhere(
    installation: Installation, phones: list[str]
) -> None:
    receipt = start_activity("match-42", TYPE, **START, users="ada")
    cancel(receipt.message_id)
    assert status(receipt.message_id)["status"] == "cancelled"
    second = start_activity("match-42", TYPE, **START, users="ada")
    end_activity("match-42")

    run = installation.work(second.message_id)

    assert (run["accepted"], run["byReason"]) == (0, {"Superseded": 3})


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, EmptyAudience),
        ({"users": "ada", "delivery_options": {"repeat_every": 60}}, InvalidParameter),
        ({"users": "ada", "delivery_options": {"push_type": "voip"}}, InvalidParameter),
        (
            {
                "users": "ada",
                "stale_date": now_ms() + 3_600_000,
                "delivery_options": {"publish_at": now_ms() + 7_200_000},
            },
            InvalidParameter,
        ),
        ({"users": "ada", "delivery_options": {"publish_at_local": "9 am"}}, InvalidPublishAt),
        ({"users": "ada", "state": {"t": "x" * 4096}}, PayloadTooLarge),
        ({"users": "ada", "alert": {"subtitle": "x"}}, InvalidParameter),
        ({"users": "ada", "alert": {"default": "x", "deutsch": "y"}}, InvalidParameter),
        ({"users": "ada", "alert": ""}, InvalidParameter),
        ({"users": "ada", "delivery_options": {"push_broadcast": "WEB"}}, InvalidParameter),
        ({"users": "ada", "delivery_options": {"publish_policy": "PUBSUB"}}, InvalidParameter),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    installation: Installation, phones: list[str], said: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start_activity("match-42", TYPE, **{**START, **said})
    with pytest.raises(UnknownActivity):
        update_activity("match-42", {"score": "1-0"})
    with pytest.raises(UnknownDevice):
        report_activity_token("nobody", updating(1), activity_id="match-42")
    seldom: Any = "no"
    with pytest.raises(InvalidParameter):
        report_activity_token(phones[0], updating(1), activity_id="match-42", frequent=seldom)

    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).all() == []
        assert connection.execute(select(ACTIVITY.id)).all() == []


@pytest.mark.parametrize("alert", [None, "Goal"])
def test_a_killed_worker_leaves_the_newest_state_shown(
    installation: Installation, phones: list[str], alert: str | None
) -> None:
    installation.simulator.devices([{"token": updating(1), "kind": "activity"}])
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    older = update_activity("match-42", {"score": "1-0"}, alert=alert).message_id
    fan_out(installation.run_id(older))
    [batch] = installation.due_batches(older)
    claim = take(batch, installation.context)
    assert claim is not None
    run_facts = installation.context.run_facts(claim.batch.run_id)
    send_slice(claim, claim.slices[0], run_facts, installation.context)  # … and is killed

    newest = update_activity("match-42", {"score": "2-0"}).message_id
    assert installation.work(newest)["accepted"] == 1
    installation.hurry()  # the lease of the killed one is over
    run = installation.work(older)

    [screen] = installation.simulator.device(updating(1))["screens"].values()
    assert json.loads(screen["activity"])["aps"]["content-state"] == {"score": "2-0"}
    if alert is None:
        assert (run["unknown"], run["byReason"]) == (1, {"Superseded": 1})
    else:  # sent once more, behind the newer one: the device lets it be
        assert (run["accepted"], screen["outdated"]) == (1, 1)


def test_the_console_shows_a_message_as_an_activity(
    installation: Installation, phones: list[str]
) -> None:
    receipt = start_activity("match-42", TYPE, **START, users="ada")
    with db.reading() as connection:
        listed, _ = list_newest(connection, APP, Wanted())
        stored = find_stored(connection, APP, receipt.message_id)
    assert stored is not None
    to = DeliveryOptions.from_json(stored.delivery_options)
    shown = phones_of(
        Draft(stored.channel, stored.content, to, None, stored.created_at), "data", sdk_copy=True
    )

    assert [one.activity for one in listed] == ["start of match-42"]
    assert {(one.platform, one.subtitle, one.text) for one in shown} == {
        (name, "Live Activity: start", '{"score":"0-0"}') for name in ("IOS", "ANDROID")
    }


def test_what_ended_is_kept_for_the_retention_and_no_longer(
    installation: Installation, phones: list[str]
) -> None:
    for number in (1, 2):
        report_activity_token(phones[number - 1], updating(number), activity_id="match-42")
    installation.simulator.devices([{"token": updating(1), "state": "dead"}])
    installation.work(update_activity("match-42", {"score": "1-0"}).message_id)
    with db.writing() as connection:
        kept = prune(connection, 0)
        gone = prune(connection, now_ms() + 1)
        left = connection.scalars(select(ACTIVITY_ADDRESS.token)).all()

    assert (kept.addresses, kept.activities) == (0, 0)
    assert gone.activities == 1
    assert sorted(left) == [starting(1), starting(2)]  # where others may be started


def test_doctor_tells_of_a_certificate_that_cannot_send_them(
    installation: Installation, phones: list[str]
) -> None:
    report_activity_token(phones[0], updating(1), activity_id="match-42")
    by_key = list(route_checks.activities())
    sim, secret = installation.simulator, get_settings().secret_key
    certificate = ApnsCredential.from_certificate_file(
        sim.client_file, topic=sim.topic, url=sim.apns_url
    )
    assert secret is not None
    with db.writing() as connection:
        sealed = seal(secret.get_secret_value(), certificate)
        change_credential(connection, APP, "apns", "production", sealed, now_ms())
    by_certificate = list(route_checks.activities())
    run = installation.work(update_activity("match-42", {"score": "1-0"}).message_id)

    assert by_key == [("activities", True, f"{APP}: 1 under way")]
    assert not by_certificate[0].ok
    assert run["byReason"] == {"TopicDisallowed": 1}  # and all else goes on
    assert installation.work(installation.publish())["accepted"] == 4


def test_the_readmes_example_runs_as_it_stands(installation: Installation) -> None:
    register_device("phone-1", ios(1), "IOS", userId="42", app=APP)
    [code] = re.findall(
        r"```python\n(from push_pipeline import end_activity.*?)```", README, re.DOTALL
    )

    exec(compile(code, "README.md", "exec", dont_inherit=True), {})

    assert show_activity("match-42")["event"] == "end"


def test_a_start_by_local_time_reaches_each_phone_once(
    installation: Installation, phones: list[str]
) -> None:
    how = {"publish_at_local": "09:00"}
    receipt = start_activity("match-42", TYPE, **START, users="ada", delivery_options=how)
    due_at = now_ms() - 5_000
    with db.writing() as connection:  # its time comes
        connection.execute(update(Run).values(due_at=due_at))
    run = installation.work(receipt.message_id)

    assert (run["audience"], run["accepted"]) == (3, 3)
    got = dict.fromkeys((starting(1), starting(2), fcm(4)), 1)
    assert installation.simulator.received() == got
    stamps = {body["aps"]["timestamp"] for _, body in sent(installation) if "aps" in body}
    assert stamps == {due_at // 1000}  # that of the zone's time, not of the publish


def test_a_paced_start_reaches_each_phone_once_and_in_turn(
    installation: Installation, phones: list[str]
) -> None:
    how = {"rate": 1}
    receipt = start_activity("match-42", TYPE, **START, users="ada", delivery_options=how)

    first = installation.work(receipt.message_id)
    assert 0 < first["accepted"] < first["audience"] == 3
    wait_until(lambda: installation.work(receipt.message_id)["accepted"] == 3, 10)

    got = dict.fromkeys((starting(1), starting(2), fcm(4)), 1)
    assert installation.simulator.received() == got


def test_a_start_that_is_cancelled_does_not_end_what_is_somewhere(
    installation: Installation, phones: list[str]
) -> None:
    started(installation)
    later = {"publish_at": now_ms() + 60_000}
    cancel(
        start_activity("match-42", TYPE, **START, users="ada", delivery_options=later).message_id
    )

    update_activity("match-42", {"score": "1-0"})
    assert show_activity("match-42")["endedAt"] is None


def test_a_delayed_start_that_is_cancelled_sends_nothing(
    installation: Installation, phones: list[str]
) -> None:
    later = {"publish_at": now_ms() + 60_000}
    receipt = start_activity("match-42", TYPE, **START, users="ada", delivery_options=later)
    assert show_activity("match-42")["status"] == "scheduled"
    cancel(receipt.message_id)
    with db.writing() as connection:
        connection.execute(update(Run).values(due_at=1))

    assert show_activity("match-42")["status"] == "cancelled"
    with pytest.raises(UnknownActivity):
        update_activity("match-42", {"score": "1-0"})
    assert installation.work(receipt.message_id)["accepted"] == 0
    assert installation.simulator.received() == {}
