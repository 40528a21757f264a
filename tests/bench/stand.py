"""What benchmarks run on: a database with devices in channels, Valkey, and the sink as providers.

Half of the devices of a mixed channel are Apple's and half Google's. Each database has the
statements that fill it, for a million devices are not registered one by one.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import select, text

from push_pipeline import db, migrations, queues
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, FcmCredential, seal
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.provider_routes import put_credential
from push_pipeline.models import RUN
from push_pipeline.settings import get_settings, reset_settings
from push_workers.fanout.fan_out import fan_out
from push_workers.simulator.identity import Identity
from tests.bench.sink import Sink
from tests.processes import Process
from tests.services import Postgres, Valkey

APP = "bench"
SECRET = "the benchmark's secret"

_NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n",
    "sqlite": """WITH RECURSIVE each(n) AS (
        SELECT :first UNION ALL SELECT n + 1 FROM each WHERE n < :last) SELECT n FROM each""",
}
#: Tokens as long as Apple's and Google's.
_TOKENS = {
    "postgresql": ("lpad(to_hex(n), 64, '0')", "lpad(CAST(n AS text), 22, 'q')"),
    "sqlite": ("printf('%064x', n)", "printf('%022d', n)"),
}
_DEVICES = r"""
INSERT INTO pipeline_device (id, app_id, device_id, token, kind, platform, environment, user_id,
                             state, created_at, registered_at)
SELECT n, 'bench', 'device-' || n,
       CASE WHEN n % :every = :google THEN {fcm} || '\:APA91b{rest}' ELSE {apns} END,
       CASE WHEN n % :every = :google THEN 'token' ELSE 'apns' END,
       CASE WHEN n % :every = :google THEN 'ANDROID' ELSE 'IOS' END, '',
       CASE WHEN :words THEN 'user-' || n END, 'active', 0, 0 FROM ({numbers}) AS numbers
"""
_USERS = """
INSERT INTO pipeline_user (app_id, user_id, properties, updated_at)
SELECT 'bench', 'user-' || n, {json}, 0 FROM ({numbers}) AS numbers
"""
_JSON = """CAST('{"name"\\: "Person ' || n || '"}' AS %s)"""
_PROPERTIES = {"postgresql": _JSON % "jsonb", "sqlite": _JSON % "text"}

_CHANNEL = """
INSERT INTO pipeline_channel (app_id, name, created_at) VALUES ('bench', :name, 0) RETURNING id
"""
_SUBSCRIPTIONS = """
INSERT INTO pipeline_subscription (channel_key, device_key)
SELECT :channel, id FROM pipeline_device WHERE id BETWEEN :first AND :last
"""
#: Keys that were said: the next one that the database gives must be behind them.
_NEXT_KEY = "SELECT setval(pg_get_serial_sequence('pipeline_device', 'id'), :last)"


def populate(
    channel: str, count: int, *, mixed: bool = False, google: bool = False, words: bool = False
) -> None:
    """Register `count` devices in a channel of its own; with `words`, a user with a name for each.

    They are Apple's, every other one Google's, or all of them; the database knows its tables.
    """
    dialect = db.engine().dialect.name
    apns, fcm = _TOKENS[dialect]
    numbers = _NUMBERS[dialect]
    devices = _DEVICES.format(apns=apns, fcm=fcm, rest="z" * 134, numbers=numbers)
    with db.writing() as connection:
        last = connection.execute(text("SELECT max(id) FROM pipeline_device")).scalar() or 0
        key = connection.execute(text(_CHANNEL), {"name": channel}).scalar_one()
        span = {"first": last + 1, "last": last + count}
        kind = {"every": 2 if mixed else 1, "google": 0 if google else 1, "words": words}
        connection.execute(text(devices), span | kind)
        if words:
            users = _USERS.format(json=_PROPERTIES[dialect], numbers=numbers)
            connection.execute(text(users), span)
        connection.execute(text(_SUBSCRIPTIONS), {**span, "channel": key})
        if dialect == "postgresql":
            connection.execute(text(_NEXT_KEY), {"last": last + count})
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if dialect == "postgresql" else "ANALYZE"))


def set_up(sink: Sink, directory: Path) -> None:
    """Create the schema, the app and its credentials, which point at the sink."""
    migrations.upgrade(db.engine())
    identity = Identity(directory)
    identity.ensure()
    identity.point_service_account(f"{sink.url}/token")
    apns = ApnsCredential.from_key_file(
        identity.key_file,
        key_id="BENCHKEY01",
        team_id="BENCHTEAM1",
        topic="com.example.app",
        url=sink.url,
    )
    fcm = FcmCredential.from_service_account_file(identity.service_account_file, url=sink.url)
    secret = get_settings().secret_key
    assert secret is not None
    with db.writing() as connection:
        ensure_app(connection, APP, "Benchmark", now_ms())
        for provider, where, credential in (("apns", "production", apns), ("fcm", "", fcm)):
            sealed = seal(secret.get_secret_value(), credential)
            put_credential(connection, APP, provider, where, sealed, now_ms())


def fan_out_to_the_end(message_id: str) -> int:
    """Write all batches of a message, turn after turn, as one worker would; its run."""
    with db.reading() as connection:
        chosen = select(RUN.id).where(RUN.message_id == message_id)
        run_id = connection.execute(chosen).scalar_one()
    while _state_of(run_id) in ("scheduled", "fanning"):
        list(queues.following(queues.PUBLISH))  # who has the turn takes it out of the order
        fan_out(run_id)
    return run_id


def _state_of(run_id: int) -> str:
    with db.reading() as connection:
        return connection.execute(select(RUN.state).where(RUN.id == run_id)).scalar_one()


@contextmanager
def installation(*, sqlite: bool = False, devices: int = 0) -> Iterator[tuple[Sink, Path]]:
    """A database, Valkey and the sink, with the environment set for them.

    The sink counts what each of so many Apple `devices` gets.
    """
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        sink = running.enter_context(Sink(devices=devices))
        database_url = f"sqlite:///{directory}/pipeline.db"
        if not sqlite:
            postgres = Postgres()
            postgres.start()
            running.callback(postgres.remove)
            database_url = postgres.url(postgres.create())
        valkey = Valkey(directory)
        valkey.start()
        running.callback(valkey.stop)
        os.environ |= {
            "PIPELINE_DATABASE_URL": database_url,
            "PIPELINE_BROKER_URL": valkey.url(),
            "PIPELINE_APP_ID": APP,
            "PIPELINE_SECRET_KEY": SECRET,
            "PIPELINE_CA_FILE": str(sink.ca_file),
            "PIPELINE_FCM_RATE": "0",  # what the machine can, not what Google allows
        }
        reset_settings()
        set_up(sink, directory)
        running.callback(db.dispose)
        yield sink, directory


@contextmanager
def spawning(directory: Path) -> Iterator[Callable[..., Process]]:
    """Start processes, each with a log of its own, and stop them in the end."""
    with ExitStack() as running:

        def spawn(*command: str | Path, **options: object) -> Process:
            log = directory / f"process-{len(list(directory.glob('process-*')))}.log"
            return running.enter_context(Process(command, log, **options))

        yield spawn
