"""The messages that name a user or a device as their recipient: found, told, freed of the name.

PostgreSQL finds them by an index on the names; SQLite, which is for trying things, looks through
the messages of the app.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text, update

from push_pipeline import db
from push_pipeline.clock import iso
from push_pipeline.ledger.intervention import cancel_message
from push_pipeline.models import MESSAGE, RUN, Message, Run

#: Before what stands in a list where a name was. It is nobody's name, and of each message another.
PSEUDONYM = "erased:"

#: Messages that are changed in one transaction.
AT_ONCE = 100

#: What of a publish is told to the person it was for; the lists would name others.
_SAID = ("message", "headers", "publisherId", "subtopic", "templateValues", "activity")

#: What stays of the options of a message that is blanked: nothing that a caller wrote freely.
_KEPT_OPTIONS = ("publishPolicy", "pushBroadcast", "ttl")


class Names(StrEnum):
    """Which list of a message has a name."""

    USERS = "pushUsers"
    DEVICES = "pushSinglecast"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whose names go out of messages. With `blank` their own messages lose their words as well.

    Such a message names nobody else; where it is not finished it is cancelled.
    """

    app_id: str
    users: frozenset[str]
    devices: frozenset[str]
    blank: bool

    def of(self, names: Names) -> frozenset[str]:
        """Return the names that go out of one of the lists."""
        return self.users if names is Names.USERS else self.devices


_GIVEN = {Names.USERS: "IS NOT NULL", Names.DEVICES: "<> '[]'"}

#: The names one by one, each in the index, before anything else is asked: a planner takes one in
#: a hundred messages for a match, and would look for the first few of these without the index.
_BY_INDEX = """
WITH found AS MATERIALIZED (
    SELECT message.id, message.app_id
    FROM jsonb_array_elements_text(CAST(:named AS jsonb)) AS wanted(name)
    CROSS JOIN LATERAL (
        SELECT id, app_id FROM pipeline_message WHERE (delivery_options -> '{0}') {1}
        AND (delivery_options -> '{0}') @> jsonb_build_array(wanted.name) OFFSET 0
    ) AS message
)
SELECT DISTINCT id FROM found WHERE app_id = :app ORDER BY id LIMIT :most
"""

_BY_LOOKING = """
SELECT DISTINCT message.id FROM pipeline_message AS message,
json_each(message.delivery_options, '$.{0}') AS told
WHERE message.app_id = :app AND told.value IN (SELECT value FROM json_each(:named))
ORDER BY message.id LIMIT :most
"""

_FIND = {
    (dialect, names): text(statement.format(names.value, _GIVEN[names]))
    for dialect, statement in (("postgresql", _BY_INDEX), ("sqlite", _BY_LOOKING))
    for names in Names
}


def find_mentions(
    connection: Connection, app_id: str, names: Names, named: Iterable[str], limit: int
) -> list[str]:
    """Return the ids of messages that have one of these names in a list of theirs."""
    told = {"app": app_id, "named": json.dumps(sorted(named)), "most": limit}
    statement = _FIND[connection.dialect.name, names]
    return [str(one) for one in connection.scalars(statement, told)]


def tell_messages(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what messages say, the newest first; whom else they name is left out."""
    statement = select(Message).where(db.any_of(MESSAGE.id, ids))
    rows = connection.execute(statement.order_by(MESSAGE.created_at.desc(), MESSAGE.id)).mappings()
    return [_told(row) for row in rows]


def forget_in_some(connection: Connection, leaving: Leaving, names: Names, now: int) -> list[bool]:
    """Take names out of some messages that have one; tell of each whether it was blanked.

    None: no message has one in this list any more. A pseudonym takes a name's place, so that a
    list never becomes empty and means everybody.
    """
    found = find_mentions(connection, leaving.app_id, names, leaving.of(names), AT_ONCE)
    return [_forget_in(connection, leaving, message_id, now) for message_id in found]


def _forget_in(connection: Connection, leaving: Leaving, message_id: str, now: int) -> bool:
    change = update(Message).where(MESSAGE.id == message_id)
    options = select(MESSAGE.delivery_options).where(MESSAGE.id == message_id)
    pseudonym = f"{PSEUDONYM}{uuid.uuid4().hex}"
    told = connection.execute(options).scalar_one_or_none()
    if told is None:  # retention deleted it since it was found
        return False
    theirs = is_only_for(told, leaving)
    # Before the message is locked: whoever closes a run locks it first, and then its message.
    _forget_who_was_missing(connection, leaving, message_id, pseudonym)
    if leaving.blank and theirs:
        cancel_message(connection, leaving.app_id, message_id, now)
    told = connection.execute(options.with_for_update()).scalar_one_or_none() or told
    if not leaving.blank or not theirs:
        left = without_names(told, leaving, pseudonym)
        connection.execute(change.values(delivery_options=left))
        return False
    kept = {name: told[name] for name in _KEPT_OPTIONS if name in told}
    change = change.values(
        content={"message": "", "headers": {}},
        delivery_options={**kept, Names.USERS.value: [pseudonym]},
        dedupe_key=None,
        fingerprint=None,
    )
    connection.execute(change)
    return True


def _forget_who_was_missing(
    connection: Connection, leaving: Leaving, message_id: str, pseudonym: str
) -> None:
    """Take names out of what a message's runs noted of devices that were not there."""
    noted = select(RUN.id, RUN.not_found).where(
        RUN.message_id == message_id, RUN.not_found.is_not(None)
    )
    for key, missing in connection.execute(noted.order_by(RUN.id)).all():
        left = [pseudonym if one in leaving.devices else one for one in missing or ()]
        if left != missing:
            connection.execute(update(Run).where(RUN.id == key).values(not_found=left))


def is_only_for(options: Mapping[str, Any], leaving: Leaving) -> bool:
    """Tell whether a message's options name those who leave, and nobody else.

    Both lists narrow its audience, so one that is only theirs is enough.
    """
    return any(
        named and all(one in leaving.of(names) or one.startswith(PSEUDONYM) for one in named)
        for names, named in ((names, options.get(names)) for names in Names)
    )


def without_names(options: Mapping[str, Any], leaving: Leaving, pseudonym: str) -> dict[str, Any]:
    """Return a message's options with a pseudonym for the names of those who leave."""
    left = dict(options)
    for names in Names:
        if named := options.get(names):
            renamed = (pseudonym if one in leaving.of(names) else one for one in named)
            left[names.value] = list(dict.fromkeys(renamed))
    return left


def _told(row: RowMapping) -> dict[str, Any]:
    content = row["content"]
    said = _said_in(content)
    if others := content.get("languages"):
        said["languages"] = {name: _said_in(words) for name, words in others.items()}
    return {
        "messageId": row["id"],
        "channel": row["channel"] or None,
        "status": row["state"],
        "createdAt": iso(row["created_at"]),
        **said,
    }


def _said_in(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in _SAID if content.get(name)}
