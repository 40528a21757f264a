"""The tables, nothing else.

Every instant is an integer: milliseconds since the epoch, UTC (`*_at`, `not_before`,
`*_until`). Durations carry their unit in the name. Keys of the fan-out path are 64-bit
integers, so that a batch's members pack into eight bytes each.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    literal_column,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

#: 64 bits on PostgreSQL; SQLite auto-increments only what it calls INTEGER, 64 bits as well.
BigKey = BigInteger().with_variant(Integer(), "sqlite")

#: JSON that PostgreSQL can index and compare.
Json: TypeEngine[Any] = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

#: A table of which workers keep what they read: SQLite gives the key of a deleted row to the next
#: one else, and they would take one for the other.
KEYS_ONCE = {"sqlite_autoincrement": True}


def big_key(*, references: str | None = None, primary: bool = False) -> Any:
    """Build a 64-bit key column."""
    if references is None:
        return Field(default=None, sa_column=Column(BigKey, primary_key=primary))
    foreign = ForeignKey(references, ondelete="CASCADE")
    return Field(sa_column=Column(BigKey, foreign, primary_key=primary, nullable=False))


def instant(*, nullable: bool = True) -> Any:
    """Build a column of epoch milliseconds."""
    return Field(default=None, sa_column=Column(BigInteger, nullable=nullable))


def fading_counter() -> Any:
    """Build a column that counts answers, of which older ones count less."""
    return Field(default=0.0, sa_column=Column(Double, nullable=False, server_default=text("0")))


def counter() -> Any:
    """Build a column that counts devices."""
    return Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))


def app_key() -> Any:
    """Build the column that says whose row this is."""
    column: Column[str] = Column(
        Text, ForeignKey("pipeline_app.id", ondelete="CASCADE"), nullable=False
    )
    return Field(sa_column=column)


class Table(SQLModel, registry=registry()):
    """A table of ours, in a registry of our own: a host's models may have the same names.

    Every name in the database begins with `pipeline_`, so that a host can share it.
    """


class App(Table, table=True):
    """A tenant."""

    __tablename__ = "pipeline_app"

    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    time_zone: str = Field(
        default="UTC", sa_column=Column(Text, nullable=False, server_default=text("'UTC'"))
    )  # of devices that told none
    android_style: str = Field(
        default="data", sa_column=Column(Text, nullable=False, server_default=text("'data'"))
    )  # who shows a push on Android: data (the app), notification (the system), both
    sdk_copy: bool = Field(
        default=True, sa_column=Column(Boolean, nullable=False, server_default=true())
    )  # APNs documents have the text a second time, where the SDK reads it
    counts_badges: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )  # a push has raised one: from then on those that set one are noted as well
    unknown_policy: str | None = Field(
        default=None, sa_column=Column(Text)
    )  # what a delivery without an answer becomes; None: the setting's
    created_at: int = instant(nullable=False)


class ApiKey(Table, table=True):
    """A hashed key of an app. The key itself is shown once and never stored."""

    __tablename__ = "pipeline_api_key"

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    key_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    hint: str = Field(sa_column=Column(Text, nullable=False))  # its last four characters
    scopes: list[str] = Field(sa_column=Column(Json, nullable=False))
    channel_patterns: list[str] | None = Field(default=None, sa_column=Column(Json))
    publish_rate: int | None = Field(default=None, sa_column=Column(Integer))  # a second
    created_at: int = instant(nullable=False)
    revoked_at: int | None = instant()


class AppAccess(Table, table=True):
    """Who may do what in an app, beside its keys: user tokens, roles, callers without a key."""

    __tablename__ = "pipeline_app_access"

    app_id: str = Field(
        sa_column=Column(Text, ForeignKey("pipeline_app.id", ondelete="CASCADE"), primary_key=True)
    )
    hosts: list[str] = Field(sa_column=Column(Json, nullable=False))  # whose /api/… is this app's
    open_scopes: list[str] | None = Field(default=None, sa_column=Column(Json))  # without a key
    publish_rules: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    token_rules: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
    token_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # sealed
    device_proof: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )  # a device is changed and removed only by who shows that it is theirs
    publish_rate: int | None = Field(default=None, sa_column=Column(Integer))  # a second
    updated_at: int = instant(nullable=False)


class Credential(Table, table=True):
    """What an app shows a provider, sealed; and the state of the route that it opens.

    A route is one credential: everything sent through it shares the provider's patience. While
    `paused_until` lies ahead nobody sends. `held_reason` is set while the provider refuses the
    credential itself. A route is in trouble from `troubled_since` until the provider answers
    again, and after each pause one probe goes first; `rest_cause` and `rest_reason` say why.

    What the provider answered lately is counted in `…_lately` as of `counted_at`; `accepted_at`
    is None until something was accepted through this version of the credential.
    """

    __tablename__ = "pipeline_credential"

    __table_args__ = (UniqueConstraint("app_id", "provider", "environment"), KEYS_ONCE)

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    provider: str = Field(sa_column=Column(Text, nullable=False))  # apns, fcm
    environment: str = Field(sa_column=Column(Text, nullable=False))  # production, sandbox; fcm: ""
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    version: int = Field(default=1, sa_column=Column(Integer, nullable=False))
    paused_until: int | None = instant()
    held_reason: str | None = Field(default=None, sa_column=Column(Text))
    rest_cause: str | None = Field(default=None, sa_column=Column(Text))
    rest_reason: str | None = Field(default=None, sa_column=Column(Text))
    troubled_since: int | None = instant()
    answered_at: int | None = instant()
    accepted_at: int | None = instant()
    counted_at: int | None = instant()
    accepted_lately: float = fading_counter()
    misrouted_lately: float = fading_counter()
    dead_lately: float = fading_counter()
    troubled_lately: float = fading_counter()
    updated_at: int = instant(nullable=False)


class Channel(Table, table=True):
    """A named channel of an app."""

    __tablename__ = "pipeline_channel"

    __table_args__ = (UniqueConstraint("app_id", "name"),)

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    name: str = Field(sa_column=Column(Text, nullable=False))
    created_at: int = instant(nullable=False)


IN_SERVICE = text("state = 'active'")
OUT_OF_SERVICE = text("state <> 'active'")


class Device(Table, table=True):
    """One installation of an app.

    `registered_at` is the last proof of life: a provider's evidence that the token is dead
    counts only if it is not older. `zone_before` is the time zone that it had until
    `zone_since`: a message that goes by local time counts a traveller where it was.
    """

    __tablename__ = "pipeline_device"

    __table_args__ = (
        UniqueConstraint("app_id", "device_id"),
        UniqueConstraint("app_id", "token"),
        Index(
            "pipeline_device_of_app", "app_id", "id"
        ),  # a push to all channels pages in this order
        Index(
            "pipeline_device_in_service",
            "app_id",
            "platform",
            postgresql_where=IN_SERVICE,
            sqlite_where=IN_SERVICE,
        ),
        Index(
            "pipeline_device_of_user",
            "app_id",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
            sqlite_where=text("user_id IS NOT NULL"),
        ),
        Index(
            "pipeline_device_expiring",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL"),
            sqlite_where=text("expires_at IS NOT NULL"),
        ),
        Index(
            "pipeline_device_out_since",
            *("app_id", "state_since", "id"),
            postgresql_where=OUT_OF_SERVICE,
            sqlite_where=OUT_OF_SERVICE,
        ),
        Index(
            "pipeline_device_out_because",
            *("app_id", "state_reason", "state_since", "id"),
            postgresql_where=OUT_OF_SERVICE,
            sqlite_where=OUT_OF_SERVICE,
        ),
        KEYS_ONCE,
    )

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    device_id: str = Field(sa_column=Column(Text, nullable=False))
    token: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(
        sa_column=Column(Text, nullable=False)
    )  # apns; a push type of Apple's, as voip; web; FCM, also on iOS: token, fid
    platform: str = Field(sa_column=Column(Text, nullable=False))
    os_version: str | None = Field(default=None, sa_column=Column(Text))
    environment: str = Field(default="", sa_column=Column(Text, nullable=False))  # "": the app's
    user_id: str | None = Field(default=None, sa_column=Column(Text))
    properties: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
    locale: str | None = Field(default=None, sa_column=Column(Text))
    time_zone: str | None = Field(default=None, sa_column=Column(Text))
    zone_before: str | None = Field(default=None, sa_column=Column(Text))
    zone_since: int | None = instant()
    expires_at: int | None = instant()
    badge: int | None = Field(default=None, sa_column=Column(Integer))  # as last set or raised
    state: str = Field(default="active", sa_column=Column(Text, nullable=False))
    state_reason: str | None = Field(default=None, sa_column=Column(Text))
    state_since: int | None = (
        instant()
    )  # when it was put out of service; None: active, or not known
    created_at: int = instant(nullable=False)
    registered_at: int = instant(nullable=False)


class Subscription(Table, table=True):
    """A device listens to a channel. The key order is the order of the fan-out."""

    __tablename__ = "pipeline_subscription"

    __table_args__ = (
        Index("pipeline_subscription_device", "device_key"),
        {"sqlite_with_rowid": False},
    )

    channel_key: int = big_key(references="pipeline_channel.id", primary=True)
    device_key: int = big_key(references="pipeline_device.id", primary=True)


class User(Table, table=True):
    """What the host application tells of a user, for personalised text and conditions."""

    __tablename__ = "pipeline_user"

    app_id: str = Field(
        sa_column=Column(Text, ForeignKey("pipeline_app.id", ondelete="CASCADE"), primary_key=True)
    )
    user_id: str = Field(sa_column=Column(Text, primary_key=True))
    properties: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    updated_at: int = instant(nullable=False)


class Template(Table, table=True):
    """A stored push, button or channel template."""

    __tablename__ = "pipeline_template"

    __table_args__ = (UniqueConstraint("app_id", "kind", "name"),)

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    kind: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    body: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    updated_at: int = instant(nullable=False)


ENDED = text("ended_at IS NOT NULL")
RESENT = text("resend_of IS NOT NULL")
TO_USERS = text("(delivery_options -> 'pushUsers') IS NOT NULL")
TO_DEVICES = text("(delivery_options -> 'pushSinglecast') <> '[]'")


def _named_in(name: str, option: str, where: TextClause) -> Index:
    """Build an index on the names in a list; SQLite has none such, and reads the messages."""
    index = Index(
        name,
        literal_column(f"(delivery_options -> '{option}')").label("listed"),
        postgresql_using="gin",
        postgresql_ops={"listed": "jsonb_path_ops"},
        postgresql_where=where,
    )
    return index.ddl_if(dialect="postgresql")


class Message(Table, table=True):
    """One publish: what is said, to whom, and how."""

    __tablename__ = "pipeline_message"

    __table_args__ = (
        UniqueConstraint("app_id", "dedupe_key"),
        Index("pipeline_message_ended", "ended_at", postgresql_where=ENDED, sqlite_where=ENDED),
        Index("pipeline_message_of_app", "app_id", "created_at", "id"),  # the newest of an app
        Index("pipeline_message_resent", "resend_of", postgresql_where=RESENT, sqlite_where=RESENT),
        _named_in("pipeline_message_to_users", "pushUsers", TO_USERS),
        _named_in("pipeline_message_to_devices", "pushSinglecast", TO_DEVICES),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))  # message:<UUID>
    app_id: str = app_key()
    channel: str = Field(sa_column=Column(Text, nullable=False))
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))  # message, headers, …
    delivery_options: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    dedupe_key: str | None = Field(default=None, sa_column=Column(Text))
    fingerprint: bytes | None = Field(
        default=None, sa_column=Column(LargeBinary)
    )  # SHA-256 of what was asked under that key; none in rows of before
    resend_of: str | None = Field(default=None, sa_column=Column(Text))  # the message before
    state: str = Field(sa_column=Column(Text, nullable=False))  # the API's word
    error_message: str | None = Field(default=None, sa_column=Column(Text))
    created_at: int = instant(nullable=False)
    ended_at: int | None = instant()  # published, failed or cancelled
    traceparent: str | None = Field(default=None, sa_column=Column(Text))  # W3C trace context


OPEN_RUN = text("finished_at IS NULL")
FINISHED_RUN = text("finished_at IS NOT NULL")
OPEN_BATCH = text("finished_at IS NULL")
WITH_BLOCKS = text("first_key IS NOT NULL")


class Run(Table, table=True):
    """One firing of a message.

    `cursor` is the checkpoint of the fan-out: the last device key that has its batch row.
    `audience` grows with it, in the same transaction, so that the ledger balances throughout.
    A message that goes by local time has one run for each time zone, its waves; the one with
    `zone_default` is also for devices whose zone is unknown or has no wave.
    """

    __tablename__ = "pipeline_run"

    __table_args__ = (
        UniqueConstraint("message_id", "n"),
        Index("pipeline_run_open", "due_at", postgresql_where=OPEN_RUN, sqlite_where=OPEN_RUN),
        Index(
            "pipeline_run_finished",
            "finished_at",
            postgresql_where=FINISHED_RUN,
            sqlite_where=FINISHED_RUN,
        ),
        KEYS_ONCE,
    )

    id: int | None = big_key(primary=True)
    message_id: str = Field(
        sa_column=Column(
            Text, ForeignKey("pipeline_message.id", ondelete="CASCADE"), nullable=False
        )
    )
    app_id: str = Field(sa_column=Column(Text, nullable=False))
    n: int = Field(sa_column=Column(Integer, nullable=False))
    due_at: int = instant(nullable=False)
    expires_at: int = instant(nullable=False)
    state: str = Field(sa_column=Column(Text, nullable=False))
    zone: str | None = Field(default=None, sa_column=Column(Text))
    zone_default: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    bulk: bool = Field(default=False)
    rate: float | None = Field(
        default=None, sa_column=Column(Double)
    )  # devices a second that it is sent to, where its publisher paces it
    canary: int | None = Field(
        default=None, sa_column=Column(Integer)
    )  # devices that are sent to before an operator has had a look
    guarded: bool = Field(default=True)  # False once an operator resumed it knowingly
    audience: int = counter()
    cursor: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    lease_until: int | None = instant()
    woken_at: int | None = instant()
    stopped_routes: dict[str, str] | None = Field(
        default=None, sa_column=Column(Json)
    )  # where the guard stopped it, by APNs environment ("": FCM), and why
    started_at: int | None = instant()
    fanned_at: int | None = instant()  # when the last batch row was written
    not_found: list[str] | None = Field(default=None, sa_column=Column(Json))  # the first of them
    not_found_count: int = counter()  # devices that were named and not in the audience
    finished_at: int | None = instant()
    error_message: str | None = Field(default=None, sa_column=Column(Text))


class Batch(Table, table=True):
    """At most five thousand members of one run and one route: the unit of everything.

    `environment` is APNs'; a batch without one goes by FCM, also where its devices are iPhones.
    Members before `settled` are done with. Members from `settled` to `doubt_end` belong to the
    slice that is being sent: after a crash they, and only they, are in doubt. `claims` counts
    how often a worker took the batch and fences it: a worker whose number is no longer in the
    row records nothing. `stalls` counts how often that slice has begun to be sent.
    """

    __tablename__ = "pipeline_batch"

    __table_args__ = (
        Index(
            "pipeline_batch_open", "run_id", postgresql_where=OPEN_BATCH, sqlite_where=OPEN_BATCH
        ),
        Index(
            "pipeline_batch_due", "not_before", postgresql_where=OPEN_BATCH, sqlite_where=OPEN_BATCH
        ),
        Index("pipeline_batch_run", "run_id"),
        Index(
            "pipeline_batch_keys",  # where a device is
            "run_id",
            "first_key",
            "last_key",
            postgresql_where=WITH_BLOCKS,
            sqlite_where=WITH_BLOCKS,
        ),
        KEYS_ONCE,
    )

    id: int | None = big_key(primary=True)
    run_id: int = big_key(references="pipeline_run.id")
    platform: str = Field(sa_column=Column(Text, nullable=False))
    environment: str = Field(default="", sa_column=Column(Text, nullable=False))
    bulk: bool = Field(default=False)
    members: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    size: int = counter()
    attempt: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False))
    doubtful: bool = Field(default=False)  # its members may have been sent to already
    not_before: int = instant(nullable=False)
    woken_at: int | None = instant()
    lease_until: int | None = instant()
    claims: int = counter()
    stalls: int = counter()
    settled: int = counter()
    doubt_end: int = counter()
    badged: int = counter()  # members before it had their badges changed for this run
    accepted: int = counter()
    rejected: int = counter()
    expired: int = counter()
    cancelled: int = counter()
    unknown: int = counter()
    moved: int = counter()  # undecided members that went to a later attempt's batch
    resent: int = counter()  # sent to although an earlier attempt may have arrived
    reasons: dict[str, int] | None = Field(default=None, sa_column=Column(Json))
    blocks: bytes | None = Field(
        default=None, sa_column=Column(LargeBinary)
    )  # which members were accepted (`ledger/blocks`); others, and those of before, have rows
    first_key: int | None = Field(default=None, sa_column=Column(BigInteger))
    last_key: int | None = Field(
        default=None, sa_column=Column(BigInteger)
    )  # between which its members are; written with the first block
    finished_at: int | None = instant()


class Delivery(Table, table=True):
    """What became of one device in one run, if no block of its batch says that it was accepted.

    Written once, in bulk, never changed.
    """

    __tablename__ = "pipeline_delivery"

    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    device_key: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    provider_id: str | None = Field(default=None, sa_column=Column(Text))
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    settled_at: int = instant(nullable=False)


class Activity(Table, table=True):
    """A Live Activity, by the id that its host chose: what was said of it last.

    `stamped_at` is the timestamp (epoch seconds) of its newest event. It rises with each, whoever
    publishes it, since devices show the event with the highest.
    """

    __tablename__ = "pipeline_activity"

    __table_args__ = (
        UniqueConstraint("app_id", "activity_id"),
        Index("pipeline_activity_touched", "updated_at"),
    )

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    activity_id: str = Field(sa_column=Column(Text, nullable=False))
    attributes_type: str | None = Field(default=None, sa_column=Column(Text))
    event: str | None = Field(default=None, sa_column=Column(Text))  # None: only reported by apps
    stamped_at: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    message_id: str | None = Field(default=None, sa_column=Column(Text))  # its newest event's
    is_open: bool = Field(
        default=True, sa_column=Column(Boolean, nullable=False, server_default=true())
    )  # any device may report that it has it; else only those, or their users', it was started on
    urgent_since: int | None = instant()  # the hour in which urgent events are counted
    urgent_count: int = counter()
    created_at: int = instant(nullable=False)
    updated_at: int = instant(nullable=False)
    ended_at: int | None = instant()


ENDED_ADDRESS = text("ended_at IS NOT NULL")


class ActivityAddress(Table, table=True):
    """Where an activity is reached on a device, or where one of a type may be started.

    Reported by the app, with a life of its own: it goes with its device, and its end says nothing
    of the device. Without a token it is the device's own, as on Android; an iPhone on which the
    activity was started has none until its app reports one. It is for nobody but the
    user whose device it was when it was reported.
    """

    __tablename__ = "pipeline_activity_address"

    __table_args__ = (
        UniqueConstraint("activity_key", "device_key"),
        UniqueConstraint("app_id", "token"),
        Index("pipeline_activity_address_device", "device_key"),
        Index(
            "pipeline_activity_address_ended",
            "ended_at",
            postgresql_where=ENDED_ADDRESS,
            sqlite_where=ENDED_ADDRESS,
        ),
    )

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    device_key: int = big_key(references="pipeline_device.id")
    activity_key: int | None = Field(
        default=None,
        sa_column=Column(
            BigKey, ForeignKey("pipeline_activity.id", ondelete="CASCADE"), nullable=True
        ),
    )  # None: for starting one
    attributes_type: str | None = Field(default=None, sa_column=Column(Text))  # of what it starts
    token: str | None = Field(default=None, sa_column=Column(Text))
    user_id: str | None = Field(default=None, sa_column=Column(Text))
    frequent: bool | None = Field(
        default=None, sa_column=Column(Boolean)
    )  # whether the user lets it be updated often; None: the app has not said
    reported_at: int = instant(nullable=False)
    ended_at: int | None = instant()
    end_reason: str | None = Field(default=None, sa_column=Column(Text))


class BroadcastChannel(Table, table=True):
    """A broadcast channel of Apple's, by our name: activities on phones listen to it, not devices.

    `channel_id` is Apple's: None while it is being made there. `stamp` is the last `timestamp`
    that was pushed, in epoch seconds: on a phone the highest wins.
    """

    __tablename__ = "pipeline_broadcast_channel"

    __table_args__ = (UniqueConstraint("app_id", "environment", "name"),)

    id: int | None = big_key(primary=True)
    app_id: str = app_key()
    environment: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    channel_id: str | None = Field(default=None, sa_column=Column(Text))
    stores: str = Field(sa_column=Column(Text, nullable=False))  # nothing, latest
    stamp: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    created_at: int = instant(nullable=False)
    pushed_at: int | None = instant()


class Broadcast(Table, table=True):
    """What became of the one request of a run that went to a broadcast channel.

    Its audience is unknown, so that none of it is counted among devices. `in_doubt` is set
    before it is sent: who finds it set does not know whether Apple has it.
    """

    __tablename__ = "pipeline_broadcast"

    run_id: int = big_key(references="pipeline_run.id", primary=True)
    name: str = Field(sa_column=Column(Text, nullable=False))
    environment: str = Field(sa_column=Column(Text, nullable=False))
    channel_id: str = Field(sa_column=Column(Text, nullable=False))
    stores: str = Field(sa_column=Column(Text, nullable=False))
    stamp: int = Field(sa_column=Column(BigInteger, nullable=False))
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    in_doubt: bool = Field(default=False)
    attempts: int = counter()
    resent: int = counter()
    outcome: str | None = Field(default=None, sa_column=Column(Text))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    unique_id: str | None = Field(default=None, sa_column=Column(Text))  # in the sandbox
    settled_at: int | None = instant()


class DeadLetter(Table, table=True):
    """A task message that nobody could read, kept for an operator."""

    __tablename__ = "pipeline_dead_letter"

    __table_args__ = (Index("pipeline_dead_letter_at", "at"),)

    id: int | None = big_key(primary=True)
    queue: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: int = instant(nullable=False)


class Heartbeat(Table, table=True):
    """When a duty was last done (`tick`), so that `doctor` can tell that nobody does it."""

    __tablename__ = "pipeline_heartbeat"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    at: int = instant(nullable=False)


class Reading(Table, table=True):
    """What the installation did within a minute, for the console; kept for a day."""

    __tablename__ = "pipeline_reading"

    at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    settled: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    accepted: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    open_batches: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    oldest_wait_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class SchemaNote(Table, table=True):
    """Which release made the schema, and the oldest revision whose releases may work on it."""

    __tablename__ = "pipeline_schema"

    revision: str = Field(sa_column=Column(Text, primary_key=True))
    release: str = Field(sa_column=Column(Text, nullable=False))
    usable_from: str = Field(sa_column=Column(Text, nullable=False))


class ConsoleUser(Table, table=True):
    """Somebody who may sign in to the console, and as what: a role by app, `*` for every app."""

    __tablename__ = "pipeline_console_user"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    roles: dict[str, str] = Field(sa_column=Column(Json, nullable=False))
    password_hash: str | None = Field(default=None, sa_column=Column(Text))  # argon2
    created_at: int = instant(nullable=False)


class ConsoleSession(Table, table=True):
    """A link that signs in once, or a browser that is signed in; only a hash of what it shows."""

    __tablename__ = "pipeline_console_session"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_name: str = Field(
        sa_column=Column(
            Text, ForeignKey("pipeline_console_user.name", ondelete="CASCADE"), nullable=False
        )
    )
    kind: str = Field(sa_column=Column(Text, nullable=False))  # link, session
    created_at: int = instant(nullable=False)
    expires_at: int = instant(nullable=False)


class AuditEntry(Table, table=True):
    """Who did what in the console. It outlives the user, the app and the message."""

    __tablename__ = "pipeline_audit"

    __table_args__ = (Index("pipeline_audit_of_app", "app_id", "id"),)

    id: int | None = big_key(primary=True)
    at: int = instant(nullable=False)
    user_name: str = Field(sa_column=Column(Text, nullable=False))
    app_id: str = Field(sa_column=Column(Text, nullable=False))  # "": of no app
    action: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))


def _columns(model: type[Table]) -> ReadOnlyColumnCollection[str, Column[Any]]:
    return Table.metadata.tables[str(model.__tablename__)].columns


# The columns, for queries: to a type checker `Batch.size` is an int, `BATCH.size` is a column.
ACTIVITY = _columns(Activity)
ACTIVITY_ADDRESS = _columns(ActivityAddress)
APP = _columns(App)
APP_ACCESS = _columns(AppAccess)
API_KEY = _columns(ApiKey)
AUDIT = _columns(AuditEntry)
BATCH = _columns(Batch)
BROADCAST = _columns(Broadcast)
BROADCAST_CHANNEL = _columns(BroadcastChannel)
CHANNEL = _columns(Channel)
CONSOLE_SESSION = _columns(ConsoleSession)
CONSOLE_USER = _columns(ConsoleUser)
CREDENTIAL = _columns(Credential)
DELIVERY = _columns(Delivery)
DEVICE = _columns(Device)
HEARTBEAT = _columns(Heartbeat)
MESSAGE = _columns(Message)
READING = _columns(Reading)
RUN = _columns(Run)
DEAD_LETTER = _columns(DeadLetter)
SCHEMA_NOTE = _columns(SchemaNote)
SUBSCRIPTION = _columns(Subscription)
TEMPLATE = _columns(Template)
USER = _columns(User)
