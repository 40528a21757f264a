"""May this release work on the schema that is found? Older, newer, of another age: what to say.

During a rolling upgrade `migrate` comes first, and the processes of the release before go on
beside those of the new one. A database therefore notes the oldest revision whose releases its
schema still serves; a release that does not know a revision asks for that note.
"""

from importlib.metadata import version
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, inspect, select

from push_pipeline.host import program
from push_pipeline.models import SCHEMA_NOTE, SchemaNote, Table

#: The oldest revision whose releases work on the schema of this one. It moves when a revision
#: takes something away, or wants something written, that those releases do not know. Before this
#: one no release asked for the note.
USABLE_FROM = "0019"


class SchemaState(NamedTuple):
    """What a database has, and whether this release can work with it; `says` is for people."""

    revision: str | None
    usable: bool
    too_new: bool
    says: str


class Note(NamedTuple):
    """What the release that migrated a database left for older ones."""

    release: str
    usable_from: str


def judge(found: str | None, head: str, known: frozenset[str], note: Note | None) -> SchemaState:
    """Decide about a database at revision `found`; `known` is what this release has heard of."""
    if found is None:
        return SchemaState(None, False, False, f"there is none: run `{program()} migrate`")
    if found == head:
        return SchemaState(found, True, False, f"revision {found}")
    if found in known:
        says = f"revision {found}, this release needs {head}: run `{program()} migrate`"
        return SchemaState(found, False, False, says)
    made = f"revision {found}, of push-pipeline {note.release if note else 'newer than this'}"
    if note is not None and note.usable_from <= head:
        return SchemaState(found, True, True, f"{made}; this release ({head}) works with it")
    wanted = f"push-pipeline {note.release} or newer" if note else "the newer release"
    says = f"{made}; this release knows no more than {head}: install {wanted}"
    return SchemaState(found, False, True, says)


def read_note(connection: Connection) -> Note | None:
    """Return what the release that migrated left, or None where it left nothing."""
    if not inspect(connection).has_table(str(SchemaNote.__tablename__)):
        return None
    row = connection.execute(select(SCHEMA_NOTE.release, SCHEMA_NOTE.usable_from)).first()
    return None if row is None else Note(*row)


def leave_note(connection: Connection, revision: str) -> None:
    """Say which release made the schema, and which ones may still work on it."""
    table = Table.metadata.tables[str(SchemaNote.__tablename__)]
    connection.execute(delete(table))
    mine = {"release": version("push-pipeline"), "usable_from": USABLE_FROM}
    connection.execute(insert(table).values(revision=revision, **mine))
