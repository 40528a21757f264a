"""Who of a channel receives: by system, by list, by segment, and all of them together."""

import pytest
from sqlalchemy import update

from push_pipeline import db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.devices.lookup import find_registration
from push_pipeline.devices.zones import find_zones
from push_pipeline.errors import EmptyAudience
from push_pipeline.models import DEVICE, Device
from push_pipeline.publishing.foresight import NAMES_MAX
from push_workers.simulator import Simulator
from tests.installation import APP, Installation

IOS = "ab" * 32
OSX = "cd" * 32
ANDROID = "x" * 150 + ":y"
FID = "A" * 22
ELSEWHERE = "ef" * 32
EVERYBODY = {IOS, OSX, ANDROID, FID}

SYSTEMS = [
    *((spelling, EVERYBODY) for spelling in (None, 0, "", 15, "ALL", "FOR_ALL")),
    *((spelling, {IOS}) for spelling in (1, "1", "ios", "FOR_IOS", "IOS|WP")),
    *((spelling, {ANDROID, FID}) for spelling in (2, "Android")),
    *((spelling, {IOS, ANDROID, FID}) for spelling in (3, "IOS|ANDROID", "FOR_IOS,FOR_ANDROID")),
    *((spelling, {OSX}) for spelling in (8, ["osx"])),
]


@pytest.fixture
def ids(installation: Installation) -> dict[str, str]:
    """Devices of each system in the channel `news`, and one elsewhere: device ids by token."""
    found: dict[str, str] = {}
    for system, tokens in (("IOS", [IOS]), ("OSX", [OSX]), ("ANDROID", [ANDROID, FID])):
        found |= zip(tokens, installation.register(tokens, system), strict=True)
    found[ELSEWHERE] = installation.register([ELSEWHERE], channel="sport")[0]
    return found


@pytest.fixture
def send(installation: Installation, simulator: Simulator):
    """Publish with delivery options, let the workers work, return who received."""

    def to(**options: object) -> set[str]:
        simulator.reset()
        message_id = installation.publish(**options)
        if status(message_id)["status"] == "scheduled":
            installation.work(message_id)
        return set(simulator.received())

    return to


@pytest.mark.usefixtures("ids")
def test_every_spelling_of_the_systems_reaches_their_devices(
    send, subtests: pytest.Subtests
) -> None:
    for spelling, tokens in SYSTEMS:
        with subtests.test(spelling=spelling):
            assert send(pushBroadcast=spelling) == tokens


def test_a_list_names_devices_of_the_channel_and_the_other_filters_narrow_it(
    send, ids: dict[str, str]
) -> None:
    two = [ids[IOS], ids[ANDROID]]

    assert send(pushSinglecast=[*two, ids[IOS], "nobody", ids[ELSEWHERE]]) == {IOS, ANDROID}
    assert send(pushSinglecast=ids[IOS]) == {IOS}
    with pytest.raises(EmptyAudience):
        send(pushSinglecast=[])
    assert send(pushSinglecast=two, pushBroadcast="FOR_ALL") == {IOS, ANDROID}
    assert send(pushSinglecast=two, pushBroadcast="ANDROID") == {ANDROID}
    assert send(pushSinglecast=two, segmentQuery="os = 'IOS'") == {IOS}
    assert send(pushSinglecast=["nobody"]) == set()
    assert send(query="os = 'OSX'") == {OSX}


def registration_id(device_id: str, channel: str) -> str:
    with db.reading() as connection:
        found = find_registration(connection, APP, device_id, 0)
    assert found is not None
    return f"{found.key}::{channel}"


def test_a_list_may_name_registrations_of_the_channel(send, ids: dict[str, str]) -> None:
    in_news, elsewhere = registration_id(ids[IOS], "news"), registration_id(ids[IOS], "sport")

    assert send(pushSinglecast=[in_news]) == {IOS}
    assert send(pushSinglecast=[f"{elsewhere},{in_news}", ids[OSX]]) == {IOS, OSX}
    assert send(pushSinglecast=[elsewhere]) == set()
    assert send(pushSinglecast=[in_news.partition("::")[0]]) == set()


def test_a_device_named_by_its_registration_counts_with_its_time_zone(
    installation: Installation, ids: dict[str, str]
) -> None:
    installation.register([IOS], timezone="Asia/Tokyo")
    named = registration_id(ids[IOS], "news")

    with db.reading() as connection:
        assert find_zones(connection, APP, "news", [named]) == ["Asia/Tokyo"]
        assert find_zones(connection, APP, "sport", [named]) == []


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("policy", ["PUBSUB", "pubsub", 1])
def test_a_message_for_subscribers_alone_is_published_to_no_device(
    installation: Installation, simulator: Simulator, policy: object
) -> None:
    receipt = publish("news", "hello", None, {"publishPolicy": policy})
    run = installation.work(receipt.message_id)

    assert (receipt.status, receipt.error_message) == ("scheduled", None)
    assert (run["audience"], simulator.received()) == (0, {})
    assert status(receipt.message_id)["status"] == "published"


def test_named_devices_that_are_not_in_the_audience_are_told_at_once_and_in_the_ledger(
    installation: Installation, ids: dict[str, str]
) -> None:
    with db.writing() as connection:
        dead = update(Device).where(DEVICE.device_id == ids[OSX]).values(state="retired")
        connection.execute(dead)
        here = find_registration(connection, APP, ids[ANDROID], now_ms())
    assert here is not None
    missing = ("nobody", ids[ELSEWHERE], ids[OSX], f"{here.key}::sport")
    named = [ids[IOS], *missing, f"{here.key}::news"]

    receipt = publish("news", "x", delivery_options={"push_singlecast": named})
    whole = publish("news", "x", delivery_options={"push_singlecast": [ids[IOS], ids[ANDROID]]})

    assert (receipt.status, receipt.not_found) == ("scheduled", missing)
    assert receipt.warnings == (("pushSinglecast", "4 of 6 devices are not there"),)
    assert (whole.not_found, whole.warnings) == ((), ())
    for message_id, told in ((receipt.message_id, missing), (whole.message_id, ())):
        run = installation.work(message_id)
        assert run["audience"] == 2
        assert (run["notFound"], run["notFoundCount"]) == (list(told), len(told))


def test_a_message_that_names_nobody_who_is_there_fails_and_says_so(
    installation: Installation, ids: dict[str, str]
) -> None:
    nobody = {"push_singlecast": [ids[IOS], "nobody"], "push_broadcast": "ANDROID"}
    many = {"push_singlecast": [f"unknown-{n:04}" for n in range(NAMES_MAX + 1)]}

    at_once = publish("news", "x", delivery_options=nobody)
    repeated = publish("news", "x", delivery_options={**nobody, "repeat_every": 3600})
    later = publish("news", "x", delivery_options=many)  # too many to look up while one waits

    reason = "none of the devices that it names is in the audience"
    assert (at_once.status, at_once.error_message) == ("failed", reason)
    assert at_once.not_found == (ids[IOS], "nobody")
    assert status(at_once.message_id)["runs"] == []
    assert (repeated.status, repeated.not_found) == ("scheduled", at_once.not_found)
    assert (later.status, later.not_found) == ("scheduled", ())
    run = installation.work(later.message_id)
    assert (len(run["notFound"]), run["notFoundCount"]) == (1_000, NAMES_MAX + 1)
    ledger = status(later.message_id)
    assert (ledger["status"], ledger["errorMessage"]) == ("failed", reason)
