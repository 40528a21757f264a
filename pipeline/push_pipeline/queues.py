"""Queue, lane and task names, and the wake-ups that travel on them; no task code.

A wake-up carries ids only and promises nothing: the database knows what is to be done, and
the tick sends again what was lost. So a broker that is away costs a caller a bounded moment
and never an error.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson
from celery import Celery, signals
from kombu.entity import Queue
from kombu.exceptions import BatchPublishError, OperationalError
from redis.exceptions import RedisError

from push_pipeline import sentinels, signs, task_messages, turns
from push_pipeline.broker_address import is_rabbitmq, is_sentinel, verified
from push_pipeline.errors import BrokerUnavailable, SettingsError
from push_pipeline.host import program
from push_pipeline.platform import provider_of
from push_pipeline.settings import Settings, get_settings, unset
from push_pipeline.shown_address import shown
from push_pipeline.task_messages import IN_TURN, OF_APP, Own, Parents, Prepared, prepare

logger = logging.getLogger(__name__)

PUBLISH = "publish"
SCHEDULE = "schedule"
FAMILIES = ("apns", "fcm", "webpush")

#: A run that needs more than one page of the audience goes by its family's bulk lane, so that
#: a push to one device never waits behind a broadcast.
BULK = ".bulk"

DELIVERY_QUEUES = (*FAMILIES, *(family + BULK for family in FAMILIES))

QUEUES = (PUBLISH, SCHEDULE, *DELIVERY_QUEUES)

FAN_OUT = "pipeline.fan_out"
START_RUN = "pipeline.start_run"
TICK = "pipeline.tick"
DELIVER = {family: f"pipeline.deliver_{family}" for family in FAMILIES}

#: Milliseconds. Long against a few ticks, short against any visibility time-out in use; what is
#: unusual is seen to in `horizon_ms`.
HORIZON_MS = 15_000

#: Milliseconds. A worker's timer may be a little early, and a probe must not be.
PROBE_LATE_MS = 20

#: Wake-ups per round trip to the broker.
PIPELINE_LENGTH = 500

#: Who listens to these, as a tracer of the host does, is told of each message by Celery alone.
_TOLD_OF_EACH = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)

#: Seconds in which a broker that has just failed is not asked again. Without it every publish
#: would pay the full time-out while the broker is frozen.
REST_SECONDS = 5.0

#: Seconds. Batcher they bound what one publish can lose to a frozen broker: a time-out on the
#: pooled connection and two on fresh ones, since kombu tries twice to connect, stay below two
#: seconds. No health check: after some idle seconds it would add waits of its own to these,
#: and a connection that died meanwhile is replaced by the retry.
TRANSPORT_OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.4,
    "health_check_interval": 0,
}

#: The same for RabbitMQ, in the words of its client.
AMQP_OPTIONS = {"connect_timeout": 0.4, "read_timeout": 0.5, "write_timeout": 0.5}
RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


Answer = TypeVar("Answer")


class Wake(NamedTuple):
    """One wake-up: which task, on which queue, for which row, and not before when.

    `of` is the message's id, for who looks at the task in Flower; the task itself reads the row.
    Where an app is named, its wake-ups and those of the others are served by turns.
    """

    task: str
    queue: str
    key: int
    at: datetime | None = None
    of: str | None = None
    app_id: str | None = None


def wake_for_run(run_id: int, app_id: str, *, of: str | None = None) -> Wake:
    """Build the wake-up that fans a run of an app out."""
    return Wake(FAN_OUT, PUBLISH, run_id, of=of, app_id=app_id)


def wake_at(run_id: int, app_id: str, due_at: int, *, of: str | None = None) -> Wake:
    """Build the wake-up that begins a run of an app at its time (epoch milliseconds).

    Only for times inside the horizon: a worker keeps it in memory until then, and Redis hands
    it out again if that took longer than the visibility time-out.
    """
    at = datetime.fromtimestamp(due_at / 1000, UTC)
    return Wake(START_RUN, SCHEDULE, run_id, at, of, app_id)


def horizon_ms() -> int:
    """Return how far ahead a run is handed to the broker.

    Two ticks at least, so that none falls between two of them; and well inside the visibility
    time-out. With RabbitMQ not at all, so that the tick begins each run: a task that waits in a
    worker takes the place of one that could be done, and RabbitMQ's own delay knows whole seconds.
    """
    settings = get_settings()
    if is_rabbitmq(settings.broker_url or ""):
        return 0
    ahead = max(HORIZON_MS, round(settings.tick_seconds * 2_000))
    return min(ahead, settings.visibility_timeout_seconds * 1000 // 3)


def last_tick_ms() -> int:
    """Return how long before its time a run meets the last tick before it, at the most."""
    return round(get_settings().tick_seconds * 1000)


def wake_for_batch(
    batch_id: int, app_id: str, environment: str, *, bulk: bool, of: str | None = None
) -> Wake:
    """Build the wake-up that delivers a batch of an app, on its provider's lane."""
    family = provider_of(environment)
    queue = family + BULK if bulk else family
    return Wake(DELIVER[family], queue, batch_id, of=of, app_id=app_id)


def wake_for_probe(batch_id: int, at: int, now: int, environment: str, *, bulk: bool) -> list[Wake]:
    """Build the wake-up of a batch that asks a route again at a time (epoch milliseconds).

    It waits for no turn, since all others wait for its news. None beyond the horizon.
    """
    if at > now + horizon_ms():
        return []
    moment = datetime.fromtimestamp((at + PROBE_LATE_MS) / 1000, UTC)
    one = wake_for_batch(batch_id, "", environment, bulk=bulk)
    return [one._replace(at=moment, app_id=None)]


def broker_url() -> str:
    """Return where the broker is; over TLS, its certificate is verified.

    Raises:
        SettingsError: nobody said where.
    """
    settings = get_settings()
    url = settings.broker_url
    if url is None:
        raise SettingsError(
            f"{unset('broker_url')}: give it the address of a Redis or Valkey"
            " (redis://host:6379/0, or sentinel://host:26379/0),"
            f" or use `{program()} up`, which starts one"
        )
    return verified(url, str(settings.ca_file) if settings.ca_file else None)


def whereabouts() -> str:
    """Say for an operator which broker is meant."""
    return shown(broker_url())


def base_config() -> dict[str, Any]:
    """Return what every process that talks to the broker must agree on."""
    settings = get_settings()
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "event_serializer": "json",
        "task_ignore_result": True,
        "result_backend": None,
        "task_default_queue": PUBLISH,
        "task_create_missing_queues": True,
        "broker_transport_options": {
            "global_keyprefix": settings.key_prefix,
            "visibility_timeout": settings.visibility_timeout_seconds,
        }
        | _master_options(settings),
    }


def task_queues() -> list[Queue]:
    """Return the queues as every process must declare them; RabbitMQ's are replicated."""
    kind = {"x-queue-type": "quorum"} if is_rabbitmq(broker_url()) else None
    return [Queue(name, queue_arguments=kind) for name in QUEUES]


def _master_options(settings: Settings) -> dict[str, Any]:
    if settings.broker_master is None:
        return {}
    options = sentinels.options(sentinel_password(settings))
    return {"master_name": settings.broker_master, "sentinel_kwargs": options}


def sentinel_password(settings: Settings) -> str | None:
    """Return what the sentinels are told, if anything."""
    password = settings.broker_sentinel_password
    return None if password is None else password.get_secret_value()


class PipelineCelery(Celery):  # type: ignore[misc]  # celery has no types
    """A Celery app whose broker is ours, whatever the environment says of somebody else's.

    Celery lets CELERY_BROKER_URL (also _READ_URL and _WRITE_URL) win over an app's own broker:
    a host that sets it for its own tasks would take our wake-ups to its Redis.
    """

    def connection_for_read(self, url: str | None = None, **options: Any) -> Any:
        """Connect for consuming."""
        return super().connection_for_read(url or broker_url(), **options)

    def connection_for_write(self, url: str | None = None, **options: Any) -> Any:
        """Connect for sending."""
        return super().connection_for_write(url or broker_url(), **options)


#: What messages have in common: task, queue, and whether they are for a later time.
_Kind = tuple[str, str, bool]


@dataclass
class _Producer:
    """This process's connection to the broker, messages made for it, and when it last failed."""

    pid: int
    url: str
    app: Celery
    made: dict[_Kind, tuple[str, Prepared]] = field(default_factory=dict)
    resting_until: float = 0.0


_lock = threading.Lock()
_producer: _Producer | None = None


#: Takes wake-ups in the broker's place, in a process that sends them from a thread of its own.
_taker: Callable[[list[Wake]], None] | None = None

#: Says in the broker's place how many wait, where there is none.
_counter: Callable[[str], int] | None = None


def hand_wakes_to(
    taker: Callable[[list[Wake]], None] | None, counter: Callable[[str], int] | None = None
) -> None:
    """Let somebody take this process's wake-ups and send them soon; None for nobody.

    Who stands in for the broker altogether also counts how many wait on a queue.
    """
    global _taker, _counter
    _taker, _counter = taker, counter


def wake(wakes: Iterable[Wake]) -> bool:
    """Hand wake-ups to the broker, or to who takes them; return whether all were taken.

    Never raises for a broker that is away: what was not taken is sent again by the tick. A
    wake-up may arrive twice.
    """
    todo = list(wakes)
    if todo and _taker is not None:
        _taker(todo)
        return True
    return wake_now(todo)


def wake_now(todo: list[Wake]) -> bool:
    """Send wake-ups to the broker; return whether it took them all. Otherwise as `wake`."""
    if not todo:
        return True
    producer = _current()
    if time.monotonic() < producer.resting_until:
        return False
    try:
        _send(producer, todo)
    except (OperationalError, BatchPublishError, RedisError, OSError) as error:
        producer.resting_until = time.monotonic() + REST_SECONDS
        logger.warning(
            "the broker did not take %d wake-ups; the tick will send them",
            len(todo),
            extra={"action": "wake_failed", "error": type(error).__name__},
        )
        return False
    return True


def _send(producer: _Producer, wakes: list[Wake]) -> None:
    if is_rabbitmq(producer.url) or any(signal.receivers for signal in _TOLD_OF_EACH):
        _send_tasks(producer.app, wakes)
        return
    with producer.app.connection_or_acquire() as connection:
        for start in range(0, len(wakes), PIPELINE_LENGTH):
            part = wakes[start : start + PIPELINE_LENGTH]
            _send_prepared(producer, connection.default_channel, part)


def _send_prepared(producer: _Producer, channel: Any, wakes: list[Wake]) -> None:
    """Send messages that are made already, with the turns of their keys: one round trip."""
    parents = _parents(producer.app)
    by_queue: dict[tuple[str, str], list[turns.Sent]] = {}
    ids = _new_ids(2 * len(wakes))
    for one in wakes:
        kind = one.task, one.queue, one.at is not None
        if kind not in producer.made:
            producer.made[kind] = _make(producer.app, channel, one)
        place, message = producer.made[kind]
        at = None if one.at is None else one.at.isoformat()
        own = Own(next(ids), next(ids), one.key, _shown_arguments(one), at, one.app_id)
        app_id = one.app_id if one.at is None else None
        sent = turns.Sent(app_id or "", one.key, *message.filled(own, parents))
        by_queue.setdefault((one.queue, place), []).append(sent)
    prefix = get_settings().key_prefix
    with channel.client.pipeline(transaction=False) as pipeline:
        for (queue, place), messages in by_queue.items():
            turns.send(pipeline, prefix, queue, place, messages)
        pipeline.execute()


def _new_ids(count: int) -> Iterator[str]:
    """Make ids as those of tasks are, of random bits that are asked for once."""
    bits = os.urandom(16 * count)
    for start in range(0, len(bits), 16):
        yield str(UUID(bytes=bits[start : start + 16], version=4))


def _parents(app: Celery) -> Parents:
    """Return what Celery says in a message of the task that sends it."""
    task = app.current_worker_task
    if task is None:
        return Parents()
    return Parents(task.request.root_id or task.request.id, task.request.id)


def _make(app: Celery, channel: Any, one: Wake) -> tuple[str, Prepared]:
    """Have Celery and kombu make a message with marks; take it, and its list, before it is sent."""
    task = app.amqp.as_task_v2(
        task_messages.ID,
        one.task,
        (task_messages.KEY,),
        eta=one.at and task_messages.AT,
        root_id=task_messages.ROOT,
        parent_id=task_messages.PARENT,
        argsrepr=task_messages.SHOWN,
        kwargsrepr="{}",
        ignore_result=True,
    )
    own = {IN_TURN: task_messages.TURN} if one.at is None else {OF_APP: task_messages.APP}
    message = channel.prepare_message(
        orjson.dumps(task.body).decode(),
        content_type="application/json",
        content_encoding="utf-8",
        headers={**task.headers, **own},
        properties={**task.properties, "delivery_mode": 2},
    )
    batch = channel.create_publish_batch(max_size=PIPELINE_LENGTH)
    try:
        batch.publish(message, exchange="", routing_key=one.queue)
        (_, place, text), _ = batch.pipeline.command_stack[0]
    finally:
        batch.discard()
        batch.close()
    return place, prepare(orjson.loads(text))


def _send_tasks(app: Celery, wakes: list[Wake]) -> None:
    """Send each as Celery does, which tells those who listen of it."""
    in_turn = _enlist(wakes)
    with (
        app.producer_or_acquire() as producer,
        producer.batch(max_size=PIPELINE_LENGTH) if len(wakes) > 1 else nullcontext(),
    ):
        for one in wakes:
            app.send_task(
                one.task,
                (one.key,),
                queue=one.queue,
                eta=one.at,
                argsrepr=_shown_arguments(one),
                headers=_headers(one, in_turn),
                producer=producer,
                ignore_result=True,
            )


def _shown_arguments(one: Wake) -> str:
    return f"({one.key},)" if one.of is None else f"({one.key}, {one.of})"


def _headers(one: Wake, in_turn: set[Wake]) -> dict[str, Any] | None:
    if one.at is not None:
        return {OF_APP: one.app_id}
    return {IN_TURN: True} if one in in_turn else None


def _enlist(wakes: list[Wake]) -> set[Wake]:
    """Give the wake-ups their turns, before a worker can have one; return those that have one."""
    if is_rabbitmq(broker_url()):  # which keeps no order but its own
        return set()
    by_queue: dict[str, list[Wake]] = {}
    for one in wakes:
        if one.app_id is not None and one.at is None:
            by_queue.setdefault(one.queue, []).append(one)
    enlisted: set[Wake] = set()
    for queue, mine in by_queue.items():
        with _redis() as client:
            for start in range(0, len(mine), PIPELINE_LENGTH):
                part = mine[start : start + PIPELINE_LENGTH]
                keys = [(str(one.app_id), one.key) for one in part]
                stand = turns.enlist(client, get_settings().key_prefix, queue, keys)
                enlisted.update(one for one, stands in zip(part, stand, strict=True) if stands)
    return enlisted


@contextmanager
def _redis() -> Iterator[Any]:
    """Lend a client of the broker itself, which puts no prefix before keys."""
    with _current().app.connection_or_acquire() as connection:
        yield connection.default_channel.client  # conn_or_acquire makes one each time


def enlist(queue: str, app_id: str, key: int) -> bool:
    """Give a key of an app its turn in a queue now; False if the broker is away."""
    return bool(
        _ask(lambda client, prefix: all(turns.enlist(client, prefix, queue, [(app_id, key)])))
    )


def following(queue: str) -> Iterator[int]:
    """Yield the keys whose turn it is, each taken out of the order; none if the broker is away."""
    while (key := _ask(lambda client, prefix: turns.next_key(client, prefix, queue))) is not None:
        yield int(key)


def waiting_for_a_turn(queue: str) -> int:
    """Return how many keys wait in a queue for their turn; 0 if the broker is away."""
    if _taker is not None:  # nobody waits in the broker
        return 0
    return _ask(lambda client, prefix: turns.count(client, prefix, queue)) or 0


def others_wait(environment: str, app_id: str) -> bool:
    """Tell whether an app's broadcast keeps others waiting; no if the broker is away."""
    if _taker is not None:
        return False
    lane = provider_of(environment)
    return bool(
        _ask(lambda client, prefix: turns.others_wait(client, prefix, lane, lane + BULK, app_id))
    )


def evaluate(script: str, names: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Run a script in the broker on keys by these names; None where it does not answer."""
    return _ask(
        lambda client, prefix: client.eval(
            script, len(names), *(prefix + name for name in names), *arguments
        )
    )


def keeps_signs() -> bool:
    """Tell whether the broker can keep workers' signs of life."""
    return not is_rabbitmq(broker_url())


def note_claim(batch_id: int, claim: int) -> None:
    """Note that this child has taken a batch; nowhere if it is none, or the broker is away."""
    _note(signs.Held(os.getpid(), batch_id, claim))


def note_fan_out(run_id: int, before: int | None, behind: int | None) -> None:
    """Note that this child writes a page of a run, whose lease is before it and behind it this."""
    _note(signs.FanOut(os.getpid(), run_id, before or 0, behind or 0))


def _note(held: signs.Noted) -> None:
    worker = signs.this_worker()
    if worker is not None:
        _ask(lambda client, prefix: signs.note(client, prefix, worker, held))


def ask_now(question: Callable[[Any, str], Answer]) -> Answer:
    """Ask the broker, whether it rests or not; `question` gets a client and the prefix of keys.

    Raises:
        BrokerUnavailable: the broker does not answer.
    """
    try:
        with _redis() as client:
            return question(client, get_settings().key_prefix)
    except (OperationalError, RedisError, OSError) as error:
        raise _away(error) from error


def _ask(question: Callable[[Any, str], Any]) -> Any:
    """Ask the broker, unless it rests; None where it does not answer."""
    producer = _current()
    if is_rabbitmq(producer.url) or time.monotonic() < producer.resting_until:
        return None
    try:
        with _redis() as client:
            return question(client, get_settings().key_prefix)
    except (OperationalError, RedisError, OSError):
        producer.resting_until = time.monotonic() + REST_SECONDS
        return None


def backlog(queue: str) -> int:
    """Return how many wake-ups wait on a queue.

    Raises:
        BrokerUnavailable: the broker does not answer.
    """
    if _counter is not None:
        return _counter(queue)
    try:
        with _current().app.connection_or_acquire() as connection:
            return _length(connection, queue)
    except (OperationalError, RedisError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"the broker does not answer ({whereabouts()}): {type(error).__name__}{_remedy()}"
    )


def _length(connection: Any, queue: str) -> int:
    rabbitmq = is_rabbitmq(broker_url())  # which refuses to declare a queue in another way
    try:
        found = connection.default_channel.queue_declare(queue=queue, passive=rabbitmq)
    except connection.channel_errors:
        if not rabbitmq:
            raise
        return 0  # no worker has been there yet
    return int(found.message_count)


def _remedy() -> str:
    if not is_sentinel(broker_url()):
        return ""
    return f"; `{program()} doctor` asks each sentinel for the master"


def remote_control() -> Any:
    """Return Celery's remote control, for asking which workers are alive."""
    return _current().app.control


def forget() -> None:
    """Close this process's connection to the broker; the next wake-up opens a new one."""
    global _producer  # noqa: PLW0603 - one producer per process is the point
    with _lock:
        if _producer is not None and _producer.pid == os.getpid():
            _producer.app.close()
        _producer = None


def _in_a_forked_child() -> None:
    """Make the lock anew: a thread that the child does not have may hold it."""
    global _lock  # noqa: PLW0603 - as the producer
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_in_a_forked_child)


def _current() -> _Producer:
    global _producer  # noqa: PLW0603 - one producer per process is the point
    url = broker_url()
    with _lock:
        if _producer is None or (_producer.pid, _producer.url) != (os.getpid(), url):
            _producer = _Producer(os.getpid(), url, _make_app(url))
        return _producer


def _make_app(url: str) -> Celery:
    # set_as_current and fixups: a Django or Flask host has a current Celery app of its own.
    app = PipelineCelery("push-publisher", broker=url, set_as_current=False, fixups=[])
    config = base_config()
    if is_rabbitmq(url):
        config["broker_transport_options"] |= AMQP_OPTIONS
        config["task_queues"] = task_queues()  # it refuses a queue that two declare differently
    else:
        config["broker_transport_options"] |= TRANSPORT_OPTIONS | RETRY_POLICY
    app.conf.update(
        config,
        task_publish_retry_policy=RETRY_POLICY,
        broker_pool_acquire_timeout=1,
        broker_connection_timeout=1,
        broker_heartbeat=0,  # between two publishes nobody would send it
        task_send_sent_event=False,
    )
    return app
