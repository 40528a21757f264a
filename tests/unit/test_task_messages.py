"""Messages made once and filled for each: every mark goes, everything else stays."""

import base64
import json
from typing import Any
from uuid import UUID

from push_pipeline import task_messages
from push_pipeline.queues import _new_ids
from push_pipeline.task_messages import IN_TURN, OF_APP, Own, Parents, Prepared, prepare

OWN = Own("an id", "a tag", 7, '(7, "100 %")', None, None)


def made(headers: dict[str, Any]) -> Prepared:
    """Prepare a message as it stands in the queue, with these headers."""
    body = json.dumps([[task_messages.KEY], {}, {"chain": "50% of it"}])
    of_all = {
        "id": task_messages.ID,
        "origin": "100%s@host",
        "eta": task_messages.AT,
        "root_id": task_messages.ROOT,
        "parent_id": task_messages.PARENT,
        "argsrepr": task_messages.SHOWN,
    }
    return prepare(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "headers": of_all | headers,
            "properties": {"correlation_id": task_messages.ID, "delivery_tag": "another"},
        }
    )


def read(text: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    message["body"] = json.loads(base64.b64decode(message["body"]))
    return message


def test_a_message_has_what_is_its_own_and_the_rest_as_it_was() -> None:
    parents = Parents("the first", "the sender")
    message = read("".join(made({}).filled(OWN._replace(at="2026-01-01"), parents)))

    assert message == {
        "body": [[7], {}, {"chain": "50% of it"}],
        "headers": {
            "id": "an id",
            "origin": "100%s@host",
            "eta": "2026-01-01",
            "root_id": "the first",
            "parent_id": "the sender",
            "argsrepr": '(7, "100 %")',
        },
        "properties": {"correlation_id": "an id", "delivery_tag": "a tag"},
    }


def test_a_message_that_no_task_sends_is_its_own_root() -> None:
    headers = read("".join(made({}).filled(OWN, Parents())))["headers"]

    assert (headers["root_id"], headers["parent_id"], headers["eta"]) == ("an id", None, None)


def test_that_a_key_has_its_turn_is_said_between_the_parts() -> None:
    before, after = made({IN_TURN: task_messages.TURN}).filled(OWN, Parents())

    assert read(before + task_messages.SAYS_TURN + after)["headers"][IN_TURN] is True
    assert IN_TURN not in read(before + after)["headers"]


def test_a_message_for_a_later_time_says_whose_turn_it_will_be() -> None:
    prepared = made({OF_APP: task_messages.APP})

    for app_id in ('an "app" %', None):
        text = "".join(prepared.filled(OWN._replace(app_id=app_id), Parents()))
        assert read(text)["headers"][OF_APP] == app_id


def test_ids_are_those_of_tasks_and_all_different() -> None:
    ids = list(_new_ids(100))

    assert len({*ids}) == 100
    assert {str(UUID(one)) for one in ids} == {*ids}
    assert {UUID(one).version for one in ids} == {4}
