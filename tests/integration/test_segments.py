"""Where clauses mean the same on both databases, and what their rules say."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from push_pipeline import db, publish, register_device
from push_pipeline.audience import Selection, read_page
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import Registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.directory.users import put_users
from push_pipeline.errors import InvalidWhereClause
from push_pipeline.ledger.batches import unpack
from push_pipeline.models import BATCH, CHANNEL, DEVICE, MESSAGE, RUN
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings
from push_workers.fanout.fan_out import fan_out
from tests.integration.crowd import plans_of
from tests.integration.segment_rules import truth, written
from tests.services import Postgres

APP = "APP-1"
NOW = 1_767_000_000_000
EVERYTHING = tuple(platform.value for platform in Platform)
CHANNELS = ("everyone", "news", "sport")

TEXTS = [
    "", "O'Brien", "17", "17.1", "17.1.2", "-2.5", "00017", "--1", "1.", "1..2", "-", "1e3", ".5",
    "1234567890123456789", "123456789012345678", "é", "É", "a%b", "a_b", "a\\b", "true", "Ab", "ab",
    "漢", "😀", "2026-01-01", "1970-01-01T00:00:01Z", "new\nline", "IOS", "news", "sport",
]  # fmt: skip
NUMBERS = [-2.5, 0, 1, 2, 17, 17.1, 17.25, 18, 1000, 1767225600000, 123456789012345678]
PROPERTIES = [*TEXTS, *NUMBERS, True, False, None, [], [1], {}, {"b": 1}]


class Population:
    """The same devices in a database of each kind, and their registrations as rows."""

    def __init__(self, engines: list[Engine]) -> None:
        self.engines = engines
        self.rows: dict[int, list[dict[str, object]]] = {}
        rng = random.Random(7)
        names = [f"u{number}" for number in range(40)]
        users = {name: self._properties(rng) for name in names[:30]}
        registrations = [self._registration(rng, number, names) for number in range(120)]
        for engine in engines:
            with engine.begin() as connection:
                ensure_app(connection, APP, "an app", NOW)
                put_credential(connection, APP, "webpush", "google", b"", NOW)
                put_users(connection, APP, users, NOW)
                keys = register_devices(connection, APP, registrations, NOW, alive=True)
        for one in registrations:
            self._add_rows(one, keys[one.device_id], users)

    @staticmethod
    def _properties(rng: random.Random) -> dict[str, object]:
        names = ("a", "b", "like")
        inner = {name: rng.choice(PROPERTIES) for name in names if rng.random() < 0.7}
        outer = {name: rng.choice(PROPERTIES) for name in names if rng.random() < 0.8}
        return {**outer, "in": inner}

    def _registration(self, rng: random.Random, number: int, names: list[str]) -> Registration:
        text = rng.choice(TEXTS) or None
        return Registration(
            device_id=f"d{number}-{text}",
            token=f"{number:064x}",
            kind="apns",
            platform=rng.choice(list(Platform)),
            channels=tuple(rng.sample(CHANNELS, rng.randint(1, 3))),
            os_version=text,
            user_id=rng.choice([*names, None]),
            locale=rng.choice([*TEXTS, None]) or None,
            properties=self._properties(rng) if rng.random() < 0.8 else None,
            expires_at=rng.choice([None, 1767225600000 + 10**12, 10**15]),
        )

    def _add_rows(self, one: Registration, key: int, users: dict[str, dict]) -> None:
        user = users.get(one.user_id or "")
        row: dict[str, object] = {
            "objectId": str(key),
            "deviceId": one.device_id,
            "deviceToken": one.token,
            "os": one.platform.value,
            "osVersion": one.os_version,
            "ownerId": one.user_id,
            "locale": one.locale,
            "expiration": one.expires_at,
            "created": NOW,
            "updated": NOW,
            "user.objectId": one.user_id if user is not None else None,
        }
        for owner, document in (("user", user), ("properties", one.properties)):
            row.update(_leaves(owner, document or {}))
        self.rows[key] = [{**row, "channelName": name} for name in one.channels]

    def matching(self, clause: tuple, channel: str) -> list[int]:
        """Return what the rules say: the devices of a channel with a registration that matches."""
        return sorted(
            key
            for key, rows in self.rows.items()
            if any(row["channelName"] == channel for row in rows)
            and any(truth(clause, row) for row in rows)
        )

    def selected(self, engine: Engine, text: str, channel: str) -> list[int]:
        """Return what a database says."""
        selection = Selection(APP, channel, EVERYTHING, (), text)
        with engine.connect() as connection:
            page = read_page(connection, selection, 0, 1000, NOW)
        return page.keys


def _leaves(prefix: str, document: dict) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        yield f"{prefix}.{name}", value
        if isinstance(value, dict):
            yield from _leaves(f"{prefix}.{name}", value)


@pytest.fixture(scope="module")
def population(
    postgres: Postgres, postgres_template: str, sqlite_template: Path, tmp_path_factory
) -> Iterator[Population]:
    name = postgres.create(postgres_template)
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("segments") / "pipeline.db")
    engines = [db.make_engine(f"sqlite:///{path}"), db.make_engine(postgres.url(name))]
    yield Population(engines)
    for engine in engines:
        engine.dispose()
    postgres.drop(name)


TEXT_COLUMNS = (
    "objectId", "deviceId", "deviceToken", "os", "osVersion", "channelName", "ownerId",
    "locale", "user.objectId",
)  # fmt: skip
PROPERTY_COLUMNS = tuple(
    f"{owner}.{path}"
    for owner in ("user", "properties")
    for path in ("a", "b", "like", "in.a", "in.b", "in.like", "none")
)
MOMENT_COLUMNS = ("expiration", "created", "updated")
PATTERNS = ["%", "_", "a", "B", "é", "\\%", "\\_", "\\\\", "1", "7", ".", "x", "d", "n", "\n", "o"]

texts = st.sampled_from(TEXTS) | st.sampled_from(["u1", "u2", "1", "ios", "android", "zzz"])
numbers = st.sampled_from(NUMBERS)
values = texts | numbers | st.booleans()
moments = st.sampled_from([NOW, NOW + 1, 0, 10**15, "2026-01-01", "1970-01-01T00:00:01Z", "17"])
columns = st.sampled_from(TEXT_COLUMNS + PROPERTY_COLUMNS)
operators = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])
patterns = st.lists(st.sampled_from(PATTERNS), max_size=4).map("".join)
leaves = st.one_of(
    st.tuples(st.just("compare"), columns, operators, values),
    st.tuples(st.just("compare"), st.sampled_from(MOMENT_COLUMNS), operators, moments),
    st.tuples(st.just("in"), columns, st.lists(values, min_size=1, max_size=4)),
    st.tuples(st.just("between"), columns, values, values),
    st.tuples(st.just("like"), columns, patterns),
    st.tuples(st.just("null"), columns | st.sampled_from(MOMENT_COLUMNS)),
)
clauses = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.just("and"), inner, inner)
        | st.tuples(st.just("or"), inner, inner, inner)
        | st.tuples(st.just("not"), inner)
    ),
    max_leaves=6,
)


@examples(max_examples=400, deadline=None)
@given(clause=clauses, channel=st.sampled_from(CHANNELS))
def test_both_databases_select_what_the_rules_say(
    population: Population, clause: tuple, channel: str
) -> None:
    text = written(clause)
    expected = population.matching(clause, channel)
    for engine in population.engines:
        assert population.selected(engine, text, channel) == expected, engine.dialect.name


#: Clauses as large as they may be: long chains, long lists, deep nesting on either side.
EXTREMES = {
    "a chain of OR": " or ".join(["user.a=1"] * 341),
    "a chain of AND": " and ".join(["os<>'1'"] * 340),
    "a list": f"user.a IN ({','.join(map(str, range(1000)))})",
    "nested on the right": "user.a=1 or(not " * 50 + "os<>1" + ")" * 50,
    "nested on the left": "(" * 50 + "user.a=1" + " or os=1) and user.b<2" * 50,
    "a chain of NOT": "not " * 1000 + "os='IOS'",
}


@pytest.mark.parametrize("name", EXTREMES)
def test_the_largest_clauses_are_answered(population: Population, name: str) -> None:
    sqlite, postgresql = (
        population.selected(engine, EXTREMES[name], "news") for engine in population.engines
    )
    assert sqlite == postgresql


@pytest.fixture
def host(configure: Callable[..., Settings], settings: Settings) -> None:
    """An app with devices: two of one user of 20, one of a user of 70, one of nobody."""
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "an app", NOW)
        put_users(connection, APP, {"ann": {"age": 20}, "bob": {"age": 70}}, NOW)
    for device, user, channels in (
        ("ann-phone", "ann", ["news", "sport"]),
        ("ann-pad", "ann", ["news"]),
        ("bob-phone", "bob", ["news", "sport", "beta"]),
        ("nobody", None, ["news"]),
    ):
        register_device(
            device, device.encode().hex().rjust(64, "0"), "IOS", channels=channels, userId=user
        )


def audience(message_id: str) -> list[str]:
    """Fan a message out and return the device ids of its batches."""
    with db.reading() as connection:
        run_id = connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()
    fan_out(run_id)
    with db.reading() as connection:
        batches = connection.scalars(select(BATCH.members).where(BATCH.run_id == run_id))
        keys = [key for members in batches for key in unpack(members)]
        names = dict(map(tuple, connection.execute(select(DEVICE.id, DEVICE.device_id))))
    return sorted(names[key] for key in keys)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("segment", "devices"),
    [
        ("user.age >= 18 AND user.age < 65", ["ann-pad", "ann-phone"]),
        ("user.age IS NULL", ["nobody"]),
        ("NOT user.age = 20", ["bob-phone"]),
        ("channelName IN ('sport', 'beta')", ["ann-phone", "bob-phone"]),
        ("channelName = 'sport' AND channelName = 'beta'", []),
        ("deviceId LIKE 'ANN%'", ["ann-pad", "ann-phone"]),
    ],
)
def test_a_publish_reaches_the_segment_and_each_device_once(
    segment: str, devices: list[str]
) -> None:
    receipt = publish("news", "hello", delivery_options={"segmentQuery": segment})
    assert audience(receipt.message_id) == devices


@pytest.mark.usefixtures("host")
def test_a_faulty_clause_is_refused_before_anything_is_written() -> None:
    with pytest.raises(InvalidWhereClause, match="segmentQuery at column 13: expected NULL"):
        publish("fresh", "hello", delivery_options={"segmentQuery": "user.age is young"})
    with db.reading() as connection:
        assert connection.execute(select(MESSAGE.id)).first() is None
        assert connection.execute(select(CHANNEL.id).where(CHANNEL.name == "fresh")).first() is None


@pytest.mark.usefixtures("host")
def test_another_app_s_user_of_the_same_id_is_another_user() -> None:
    with db.writing() as connection:
        ensure_app(connection, "APP-2", "another app", NOW)
        put_users(connection, "APP-2", {"ann": {"age": 99}}, NOW)
    receipt = publish("news", "hello", delivery_options={"segmentQuery": "user.age = 99"})
    assert audience(receipt.message_id) == []


@pytest.mark.usefixtures("host")
def test_users_and_registrations_are_looked_up_by_key_and_never_scanned() -> None:
    clause = "user.age > 1 AND channelName = 'sport' AND properties.x IS NULL"
    selection = Selection(APP, "news", EVERYTHING, (), clause)
    with db.reading() as connection:
        on_postgresql = connection.dialect.name == "postgresql"
        if on_postgresql:  # by itself it scans a table of four rows, and is right to
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        with plans_of(connection) as plans:
            read_page(connection, selection, 0, 10, NOW)
        (plan,) = plans
        steps = plan.splitlines()
        assert not [step for step in steps if "Seq Scan" in step or "SCAN pip" in step], steps
