"""Stored templates of an app: push, button and channel templates, each kind with its own names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from push_pipeline import db
from push_pipeline.errors import InvalidParameter, MissingParameter, UnknownTemplate
from push_pipeline.models import TEMPLATE, Template
from push_pipeline.platform import Platform
from push_pipeline.template.device_facing import Looks, for_device
from push_pipeline.template.smart_text import sample_clause
from push_pipeline.template.stored import ButtonTemplate, ChannelTemplate, PushTemplate
from push_pipeline.whereclause import check_segment

#: Hexadecimal digits of a template's id, as the console shows it.
ID_DIGITS: Final = 24

T = TypeVar("T", PushTemplate, ButtonTemplate, ChannelTemplate)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of templates: what its documents are, and under what word they are stored."""

    word: str
    document: type[T]

    def read(self, body: object) -> T:
        """Check a document of a caller.

        Raises:
            RequestError: a typed error that names the field.
        """
        return self.document.read(body)


PUSH: Final = Kind("push", PushTemplate)
CHANNEL: Final = Kind("channel", ChannelTemplate)
_BUTTONS: Final = {
    platform: Kind(f"button:{platform.value}", ButtonTemplate) for platform in Platform
}


def buttons_for(platform: Platform) -> Kind[ButtonTemplate]:
    """Return the kind of a platform's button templates: a name may exist once on each."""
    return _BUTTONS[platform]


def put_template(connection: Connection, app_id: str, kind: Kind[T], template: T, now: int) -> T:
    """Store a template in place of the one of its name, if there is one; return it with its id.

    Raises:
        MissingParameter: it has no name.
        InvalidParameter, InvalidWhereClause: its segment is wrong.
    """
    statement = db.insert_into(connection, Template).values(_row(app_id, kind, template, now))
    key = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "kind", "name"],
            set_={name: statement.excluded[name] for name in ("body", "updated_at")},
        ).returning(TEMPLATE.id)
    ).scalar_one()
    return _with_id(template, key)


def create_template(connection: Connection, app_id: str, kind: Kind[T], template: T, now: int) -> T:
    """Store a new template; return it with its id.

    Raises:
        MissingParameter: it has no name.
        InvalidParameter: there is one of this name.
    """
    statement = db.insert_into(connection, Template).values(_row(app_id, kind, template, now))
    key = connection.execute(
        statement.on_conflict_do_nothing().returning(TEMPLATE.id)
    ).scalar_one_or_none()
    if key is None:
        raise _name_is_taken(template)
    return _with_id(template, key)


def change_template(
    connection: Connection, app_id: str, kind: Kind[T], name: str, template: T, now: int
) -> T:
    """Store a template in place of the one called `name`, which may get another name by it.

    Pushes that were published before keep what they said. After an error the transaction is
    void.

    Raises:
        UnknownTemplate: there is none of this name.
        InvalidParameter: another one has the new name.
    """
    statement = update(Template).where(*_named(app_id, kind, name))
    changing = statement.values(_row(app_id, kind, template, now)).returning(TEMPLATE.id)
    try:
        key = connection.execute(changing).scalar_one_or_none()
    except IntegrityError:  # not asked before: somebody could take the name in between
        raise _name_is_taken(template) from None
    if key is None:
        raise _unknown(name)
    return _with_id(template, key)


def get_template(connection: Connection, app_id: str, kind: Kind[T], name: str) -> T:
    """Return a template.

    Raises:
        UnknownTemplate: there is none of this name.
    """
    found = _find(connection, app_id, kind, name)
    if found is None:
        raise _unknown(name)
    return found


def list_templates(
    connection: Connection,
    app_id: str,
    kind: Kind[T],
    *,
    limit: int | None = None,
    offset: int | None = None,
) -> list[T]:
    """Return templates of a kind, by name: all of them, or so many after so many."""
    statement = (
        select(TEMPLATE.id, TEMPLATE.body)
        .where(TEMPLATE.app_id == app_id, TEMPLATE.kind == kind.word)
        .order_by(TEMPLATE.name)
        .limit(limit)
        .offset(offset)
    )
    return [_with_id(kind.read(body), key) for key, body in connection.execute(statement)]


def delete_templates(
    connection: Connection, app_id: str, kind: Kind[T], names: Sequence[str]
) -> int:
    """Remove templates by name; return how many there were.

    Raises:
        UnknownTemplate: there is none of these names.
    """
    statement = delete(Template).where(
        TEMPLATE.app_id == app_id, TEMPLATE.kind == kind.word, db.any_of(TEMPLATE.name, names)
    )
    removed = connection.execute(statement).rowcount
    if not removed:
        raise _unknown(", ".join(names))
    return removed


def looks_for(connection: Connection, app_id: str, platform: Platform) -> Looks:
    """Return what push templates of a platform may refer to: buttons and channel options."""
    buttons = list_templates(connection, app_id, buttons_for(platform))
    channels = list_templates(connection, app_id, CHANNEL)
    return Looks({one.name: one for one in buttons}, {one.name: one for one in channels})


def templates_for_devices(
    connection: Connection, app_id: str, platform: Platform
) -> dict[str, dict[str, Any]]:
    """Return, by name, what devices of a platform keep of the push templates meant for them."""
    looks = looks_for(connection, app_id, platform)
    return {
        template.name or "": for_device(template, platform, looks)
        for template in list_templates(connection, app_id, PUSH)
        if platform in template.reached
    }


def _row(app_id: str, kind: Kind[T], template: T, now: int) -> dict[str, Any]:
    if template.name is None:
        raise MissingParameter("a stored template must have a name")
    if isinstance(template, PushTemplate) and template.segment_query is not None:
        check_segment(sample_clause(template.segment_query))
    body = template.to_json()
    del body["id"]
    return {
        "app_id": app_id,
        "kind": kind.word,
        "name": template.name,
        "body": body,
        "updated_at": now,
    }


def _find(connection: Connection, app_id: str, kind: Kind[T], name: str) -> T | None:
    row = connection.execute(
        select(TEMPLATE.id, TEMPLATE.body).where(*_named(app_id, kind, name))
    ).one_or_none()
    return None if row is None else _with_id(kind.read(row.body), row.id)


def _named(app_id: str, kind: Kind[T], name: str) -> tuple[ColumnElement[bool], ...]:
    return TEMPLATE.app_id == app_id, TEMPLATE.kind == kind.word, TEMPLATE.name == name


def _with_id(template: T, key: int | None) -> T:
    return template.model_copy(update={"id": f"{key or 0:0{ID_DIGITS}x}"})


def _unknown(name: str) -> UnknownTemplate:
    return UnknownTemplate(f"there is no template called {name!r}")


def _name_is_taken(template: PushTemplate | ButtonTemplate | ChannelTemplate) -> InvalidParameter:
    return InvalidParameter(f"there is a template called {template.name!r} already")
