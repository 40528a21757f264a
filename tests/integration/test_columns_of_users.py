"""What is read of the users for words of their own is what was told of them, on both databases."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from push_pipeline import db
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.users import columns_of_users, find_user, put_users
from push_pipeline.models import DEVICE, Device, User
from push_pipeline.settings import Settings
from tests.integration.crowd import CROWD, plans_of

APP = "app-1"

NAMES = ("name", "a", "b", "_1", "objectId")
COLUMNS = ("name", "a", "a.b", "a.b._1", "b.name", "objectId", "_1", "a.objectId", "missing")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def documents(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=4)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(['"', "\\", "\\u0041", "\n\t\x1f\x7f", "], [", "é漢😀\u2028", "null", "5"]),
    lambda inner: st.lists(inner, max_size=3) | documents(inner),
    max_leaves=6,
)


def register(connection: Connection, users: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Put users; a device for each, for a user that is not known and for nobody: their keys."""
    row = {"app_id": APP, "kind": "apns", "platform": "IOS", "environment": "", "state": "active"}
    since = {"created_at": 1, "registered_at": 1}
    linked = {**{user: user for user in users}, "of-unknown": "unknown", "of-nobody": None}
    rows = [
        {**row, **since, "device_id": name, "token": name, "user_id": user}
        for name, user in linked.items()
    ]
    connection.execute(delete(Device))
    connection.execute(delete(User))
    put_users(connection, APP, users, 1)
    connection.execute(insert(Device), rows)
    found = connection.execute(select(DEVICE.device_id, DEVICE.id)).all()
    return {name: key for name, key in found if key is not None}


def told(user: str, properties: Any, column: str) -> Any:
    """Find a column in all that is known of a user."""
    if column == "objectId":
        return user
    value = properties
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.fixture(autouse=True)
def _app(settings: Settings) -> None:
    with db.writing() as connection:
        ensure_app(connection, APP, "App", 1)


def test_a_column_is_read_as_it_stands_among_all_that_is_known_of_a_user() -> None:
    @examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(documents(values), min_size=1, max_size=8), st.permutations(COLUMNS), st.data())
    def compare(known: list[dict[str, Any]], columns: list[str], data: st.DataObject) -> None:
        asked = columns[: data.draw(st.integers(1, len(columns)))]
        users = {f'u"{n}\\é': properties for n, properties in enumerate(known)}
        with db.writing() as connection:
            keys = register(connection, users)
            found = columns_of_users(connection, list(keys.values()), asked)
            whole = {user: find_user(connection, APP, user) for user in users}

        for column, values_of in zip(asked, found, strict=True):
            expected = {keys[user]: told(user, whole[user], column) for user in users}
            assert repr(sorted(values_of.items())) == repr(sorted(expected.items()))

    compare()


def test_more_columns_are_read_than_one_query_asks_for() -> None:
    many = {f"p{n}": n for n in range(50)}
    with db.writing() as connection:
        keys = register(connection, {"ann": many})
        found = columns_of_users(connection, list(keys.values()), [*many, "objectId"])
        nobody = columns_of_users(connection, [], ["p1", "objectId"])

    assert found == [*({keys["ann"]: n} for n in range(50)), {keys["ann"]: "ann"}]
    assert nobody == [{}, {}]


def test_no_plan_reads_the_users_whom_nobody_asked_for() -> None:
    with db.writing() as connection:
        users = {f"u{n}": {"name": f"N{n}"} for n in range(CROWD)}
        keys = register(connection, users)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE pipeline_user, pipeline_device")
    with db.reading() as connection, plans_of(connection) as plans:
        found = columns_of_users(connection, [keys[f"u{n}"] for n in range(5000)], ["name"])

    assert len(found[0]) == 5000
    [plan] = plans
    assert "Seq Scan on pipeline_user" not in plan
    assert "SCAN pipeline" not in plan
