"""One machine's installation: what is not configured is embedded, then everything is started."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from push_pipeline import db, default_app, migrations, queues
from push_pipeline.environment import given_environment
from push_pipeline.errors import SetupError
from push_pipeline.settings import Settings, get_settings, reset_settings
from push_pipeline.supervisor import commands, redis_server, web
from push_pipeline.supervisor.child import Program, Tell
from push_pipeline.supervisor.postgres_server import PostgresServer
from push_pipeline.supervisor.simulated_providers import SimulatedProviders
from push_pipeline.supervisor.state_folder import StateFolder
from push_pipeline.supervisor.stepped_clock import SteppedClock
from push_pipeline.supervisor.tree import Tree

#: The app that is made where none is configured.
DEFAULT_APP_ID = "demo"

#: The queues of each worker process. Providers have processes of their own, so that one that is
#: slow or down cannot starve the others; and so have their lanes, so that no child for single
#: pushes is busy with a broadcast.
WORKERS = {
    "worker-publish": ("publish", "schedule"),
    **{f"worker-{lane.replace('.', '-')}": (lane,) for lane in queues.DELIVERY_QUEUES},
}

#: Children of the worker that fans out: a fan-out is one transaction after another.
CHILDREN = {"worker-publish": 2}

#: Children per core of the other ones: while one waits for answers another one works.
CHILDREN_PER_CORE = 2

#: How willingly the children of workers that serve broadcasts leave the processor to the others.
#: Measured on two cores: a push to one device takes 29 ms beside a broadcast, 38 with 5, 57 with
#: 0, and 20 beside nothing; 51, 78, 167 and 43 at the most but one in a hundred.
NICE = 10

#: Seconds that workers may take to put down their work before they are killed.
WORKER_GRACE = 6.0

#: Seconds until all workers must answer. Each imports its code anew, on few cores one by one.
WORKERS_START_SECONDS = 60.0

_PING_SECONDS = 0.5

#: With any of these set, pushes go to real providers.
OF_PROVIDERS = {
    *("apns_key_file", "apns_key_pem", "apns_certificate_pem"),
    *("fcm_service_account_file", "fcm_service_account_json", "fcm_project_id"),
    *("webpush_key_file", "webpush_key_pem"),
}

#: What other commands must know to work on the same installation.
_DESCRIBED = (
    "PIPELINE_DATABASE_URL",
    "PIPELINE_BROKER_URL",
    "PIPELINE_APP_ID",
    "PIPELINE_API_KEY",
    "PIPELINE_OPERATOR_KEY",
    "PIPELINE_SECRET_KEY",
    "PIPELINE_CA_FILE",
    "PIPELINE_WEBPUSH_HOSTS",
    "PIPELINE_METRICS_DIR",
)


def niceness(served: Sequence[str]) -> int:
    """Return how willingly a worker of these queues leaves the processor to others."""
    return NICE if any(one.endswith(queues.BULK) for one in served) else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. `isolated` leaves all that is configured aside: nothing real is met.

    `postgres` is the database that is started, in place of SQLite where none is configured, and
    `clock` that of the workers.
    `port` is that of the HTTP API, 0 for any free one, None for no API at all.
    """

    port: int | None = None
    children: int | None = None
    isolated: bool = False
    loglevel: str = "WARNING"
    flower: bool = False
    postgres: PostgresServer | None = None
    clock: SteppedClock | None = None


class Installation:
    """Everything of one installation in one process tree; leaving the `with` block stops it.

    Entering it changes this process's environment: its settings are the installation's.
    """

    def __init__(self, folder: StateFolder, plan: Plan, tell: Tell) -> None:
        self.folder = folder
        self.plan = plan
        self.tell = tell
        self.port: int | None = None
        self.flower_port: int | None = None
        self.providers: SimulatedProviders | None = None
        self._running = ExitStack()
        self._configured = frozenset[str]() if plan.isolated else Settings().model_fields_set

    def __enter__(self) -> Self:
        commands.require_workers()
        try:
            self._choose_port()
            self._choose_flower_port()
            self._tree = self._running.enter_context(Tree(self.folder.logs, self.tell))
            self._use(self._identity())
            self._start_postgres()
            self._start_broker()
            self._start_providers()
            self._prepare_database()
            self.folder.write_environment(self._described())
            self._start_processes()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.tell("stopping …")
        queues.forget()
        self._running.close()

    def wait_until_ready(self) -> None:
        """Wait until every worker answers, and the HTTP API.

        Raises:
            SetupError: one does not in time.
        """
        deadline = time.monotonic() + WORKERS_START_SECONDS
        while len(queues.remote_control().ping(timeout=_PING_SECONDS, limit=len(WORKERS))) < len(
            WORKERS
        ):
            if time.monotonic() > deadline:
                raise SetupError(f"the workers do not start: see {self.folder.logs}")
        if self.port is not None:
            web.wait_until_it_answers(self.port)

    def kill(self, name: str) -> None:
        """SIGKILL one of the programs, as a drill; it is started again."""
        self._tree.kill(name)

    def _choose_port(self) -> None:
        if self.plan.port is None:
            return
        if web.is_installed():
            self.port = web.free_port(self.plan.port)
        else:
            self.tell("no HTTP API: it needs pip install push-pipeline[gateway]")

    def _choose_flower_port(self) -> None:
        """Take Flower's own port, or any free one beside another `up`."""
        if not self.plan.flower or not web.has_flower():
            return
        try:
            self.flower_port = web.free_port(web.FLOWER_PORT if self.plan.port else 0)
        except SetupError:
            self.flower_port = web.free_port(0)

    def _identity(self) -> dict[str, str]:
        """Return the embedded values of what is not configured."""
        embedded = {
            "database_url": f"sqlite:///{self.folder.path / 'pipeline.db'}",
            "app_id": DEFAULT_APP_ID,
            "api_key": self.folder.secret("api.key"),
            "operator_key": self.folder.secret("operator.key"),
            "secret_key": self.folder.secret("secret.key"),
            "metrics_dir": str(self.folder.path / "metrics"),
        }
        return {
            f"PIPELINE_{name.upper()}": value
            for name, value in embedded.items()
            if name not in self._configured
        }

    def _described(self) -> dict[str, str]:
        """Return what a command that is run beside this needs, configured or embedded."""
        given = given_environment()
        return {name: given[name] for name in _DESCRIBED if name in given}

    def _start_postgres(self) -> None:
        server = self.plan.postgres
        if server is None or "database_url" in self._configured:
            return
        self._tree.start(server.program())
        server.wait_until_it_answers()
        self._use({"PIPELINE_DATABASE_URL": server.url})

    def _start_broker(self) -> None:
        if "broker_url" in self._configured:
            return
        socket = redis_server.socket_in(self.folder.path)
        if socket.parent != self.folder.path:
            self._running.callback(shutil.rmtree, socket.parent, ignore_errors=True)
        self._tree.start(redis_server.server(self.folder.path, socket))
        redis_server.wait_until_it_answers(socket)
        self._use({"PIPELINE_BROKER_URL": redis_server.broker_url(socket)})

    def _start_providers(self) -> None:
        if OF_PROVIDERS & self._configured:
            return
        self.providers = SimulatedProviders.on_free_ports(self.folder.path / "simulator")
        self._tree.start(self.providers.program())
        self._use(self.providers.wait_until_ready())

    def _prepare_database(self) -> None:
        migrations.upgrade(db.engine())
        default_app.sync(get_settings())

    def _start_processes(self) -> None:
        level, clock = self.plan.loglevel, self.plan.clock
        timed = {} if clock is None else clock.environment
        workers = [
            Program(
                name,
                commands.worker(
                    name,
                    mine,
                    concurrency=self._children(name),
                    nice=niceness(mine),
                    loglevel=level,
                ),
                grace=WORKER_GRACE,
                environment=timed,
            )
            for name, mine in WORKERS.items()
        ]
        beat = Program("beat", commands.beat(loglevel=level))
        gateway = [] if self.port is None else [web.program(self.port)]
        flower = [] if self.flower_port is None else [web.flower(self.flower_port)]
        self._tree.start(*workers, beat, *gateway, *flower)

    def _children(self, name: str) -> int:
        usual = self.plan.children or CHILDREN_PER_CORE * (os.cpu_count() or 1)
        return CHILDREN.get(name, usual)

    def _use(self, values: dict[str, str]) -> None:
        """Make settings those of this process, of its children and of commands run beside it."""
        os.environ.update(values)
        reset_settings()
