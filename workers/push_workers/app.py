"""The Celery app of the workers and of beat: broker, queues, limits, beat table.

`celery -A push_workers.app worker -Q apns` and `celery -A push_workers.app beat` start it.
"""

import logging
import os
import socket
from typing import Any

from celery import Celery, signals

from push_pipeline import queues
from push_pipeline.broker_address import is_rabbitmq
from push_pipeline.log_lines import write_json
from push_pipeline.settings import Settings, get_settings
from push_workers.consumer import (
    counting,
    dead_letters,
    old_ticks,
    pools,
    priority,
    sign_of_life,
    transport,
    watchdog,
)

#: Children per core: while one waits for a provider's answers another one works.
CHILDREN_PER_CORE = 4

#: Seconds beyond the send time-out after which a task is interrupted, and then killed. A slice
#: ends by its own deadline; these are for a database or a defect that hangs.
SOFT_LIMIT_MARGIN = 30
HARD_LIMIT_MARGIN = 60

#: Slices that one task may send at the most: a batch of 1000 with a doubt window of 1 is odd
#: but allowed, so the limits grow with the slices only up to here. A broadcast's batch, which may
#: have more of them, ends its turn after two seconds (`delivery/admission`).
SLICES_CONSIDERED = 4

#: Ticks. A tick that waited longer than this for a worker is dropped: the next one does it all.
TICK_EXPIRES_AFTER = 3

#: Linux: probe an idle broker connection after 10 s, every 5 s, 3 times; give up unacknowledged
#: bytes after 30 s. There is no read time-out: a worker whose acknowledgement times out loses
#: that prefetch slot for the life of the connection, and with one slot per child it stops.
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 10),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 30_000),
)


def make_app(settings: Settings) -> Celery:
    """Build the Celery app from the settings."""
    app = queues.PipelineCelery(
        "push-pipeline", broker=queues.broker_url(), include=["push_workers.tasks"]
    )
    app.conf.update(queues.base_config())
    app.conf.update(_worker_config(settings))
    app.conf.update(_beat_config(settings))
    app.steps["worker"].add(pools.PoolCheck)
    return app


def _worker_config(settings: Settings) -> dict[str, Any]:
    limit = settings.send_timeout_seconds * SLICES_CONSIDERED
    return {
        "broker_transport_options": _transport_options(),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # for ever: Redis may be away for longer than hours
        "task_queues": queues.task_queues(),
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_timeout": True,  # the tick brings the batch back; a requeue would loop hot
        "task_soft_time_limit": limit + SOFT_LIMIT_MARGIN,
        "task_time_limit": limit + HARD_LIMIT_MARGIN,
        "task_track_started": False,
        "worker_consumer": "push_workers.consumer.dead_letters:Consumer",
        "worker_pool": "prefork",
        "worker_concurrency": CHILDREN_PER_CORE * (os.cpu_count() or 1),
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": None,  # a new child would open its connections anew
        "worker_send_task_events": False,  # who watches switches them on, as Flower does
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": True,
        "worker_redirect_stdouts": False,
        "worker_soft_shutdown_timeout": 0.0,
    }


def _transport_options() -> dict[str, Any]:
    options: dict[str, Any] = queues.base_config()["broker_transport_options"]
    if is_rabbitmq(queues.broker_url()):
        return options
    return options | {
        "client_name": "push-worker",
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,  # kombu's default sweeps every 100 seconds
        "health_check_interval": 15,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalive_options(),
    }


def _keepalive_options() -> dict[int, int]:
    if not queues.broker_url().startswith(("redis://", "rediss://", "sentinel://")):
        return {}
    return {getattr(socket, name): value for name, value in _KEEPALIVE if hasattr(socket, name)}


def _beat_config(settings: Settings) -> dict[str, Any]:
    # The scheduler in memory, not the one with a file: the table is constant, several beats may
    # run, and a file can be damaged by a kill.
    return {
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": min(2.0, settings.tick_seconds),
        "beat_schedule": {
            "tick": {
                "task": queues.TICK,
                "schedule": settings.tick_seconds,
                "options": {
                    "queue": queues.SCHEDULE,
                    "expires": max(settings.tick_seconds * TICK_EXPIRES_AFTER, 5),
                },
            }
        },
    }


def _write_log(logger: logging.Logger, **_: object) -> None:
    if get_settings().log_format == "json":
        write_json(logger)


for set_up in (signals.after_setup_logger, signals.after_setup_task_logger):
    set_up.connect(_write_log)
transport.install()
old_ticks.install()
dead_letters.install()
app = make_app(get_settings())
counting.install(app)
priority.install(app)
watchdog.install(app)
sign_of_life.install()
