"""A message that goes to a part of its audience first, and to the rest when it is resumed."""

import pytest

from push_pipeline import cancel, db, pause, publish, resume, status
from push_pipeline.clock import now_ms
from push_pipeline.errors import InvalidParameter, NotCancellable
from push_pipeline.ledger import due_runs
from push_pipeline.options import DeliveryOptions
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import close_finished_runs, end_canaries
from tests.installation import Installation


def ios(number: int) -> str:
    return f"{number:064x}"


def test_it_goes_to_a_part_waits_and_goes_on_where_it_stood(installation: Installation) -> None:
    installation.register([ios(n) for n in range(1, 41)])
    message_id = publish("news", "Hi", None, {"canary": 10}).message_id

    run = installation.work(message_id)
    assert (run["audience"], run["accepted"], run["state"]) == (4, 4, "fanning")
    with db.writing() as connection:
        later = now_ms() + 3_600_000
        assert due_runs.claim_due(connection, later, later, later, 10) == [], "nobody takes it over"
    assert fan_out(installation.run_id(message_id)) is False

    end_canaries(now_ms())
    told = status(message_id)
    assert told["runs"][0]["state"] == "paused"
    assert told["status"] == "scheduled"
    assert "the canary is out: 4 of 4 accepted, 0 rejected: resume it" in str(told["errorMessage"])

    resume(message_id)
    end_canaries(now_ms())
    run = installation.work(message_id)
    assert (run["audience"], run["accepted"], run["state"]) == (40, 40, "finished")
    assert set(installation.simulator.received().values()) == {1}
    assert status(message_id)["errorMessage"] is None


def test_one_that_is_refused_by_many_says_so_and_is_cancelled(installation: Installation) -> None:
    tokens = [ios(n) for n in range(1, 101)]
    installation.register(tokens)
    dead = [{"token": one, "provider": "apns", "state": "dead"} for one in tokens[:1]]
    installation.simulator.devices(dead)
    message_id = publish("news", "Hi", None, {"canary": "10"}).message_id
    installation.work(message_id)
    end_canaries(now_ms())
    assert "9 of 10 accepted, 1 rejected, more than 5 %" in str(status(message_id)["errorMessage"])

    cancel(message_id)
    [run] = status(message_id)["runs"]
    assert (run["audience"], run["accepted"], run["rejected"]) == (10, 9, 1)
    close_finished_runs(now_ms())
    [run] = status(message_id)["runs"]
    assert (run["state"], run["finishedAt"] is None) == ("cancelled", False)


def test_it_waits_however_often_it_is_looked_at_and_whoever_was_killed(
    installation: Installation,
) -> None:
    installation.register([ios(n) for n in range(1, 21)])
    message_id = publish("news", "Hi", None, {"canary": 10}).message_id
    run_id = installation.run_id(message_id)
    assert fan_out(run_id)  # whoever did so is killed before it could wake anybody
    assert fan_out(run_id) is False
    end_canaries(now_ms())
    assert status(message_id)["runs"][0]["state"] == "fanning", "its devices were not sent to yet"

    installation.work(message_id)
    for _ in range(2):
        end_canaries(now_ms())
        assert status(message_id)["runs"][0]["state"] == "paused"
    with pytest.raises(NotCancellable):
        pause(message_id)
    resume(message_id)
    assert installation.work(message_id)["accepted"] == 20


def test_one_that_is_all_of_its_audience_waits_for_nothing(installation: Installation) -> None:
    installation.register([ios(1)])
    run = installation.work(publish("news", "Hi", None, {"canary": 50}).message_id)
    assert (run["accepted"], run["state"]) == (1, "finished")


@pytest.mark.parametrize(
    "said",
    [
        {"canary": 0},
        {"canary": 51},
        {"canary": "a few"},
        {"canary": True},
        {"canary": 1, "repeat_every": 3_600},
        {"canary": 1, "publish_at_local": "09:00"},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        DeliveryOptions(**said).check(now_ms())


def test_none_is_stored_where_none_is_asked_for() -> None:
    assert "canary" not in DeliveryOptions().to_json()
