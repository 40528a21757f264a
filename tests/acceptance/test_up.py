"""`up`: one command that starts everything, keeps it running, and leaves nothing behind."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page

from push_pipeline.supervisor.installation import NICE
from push_workers.simulator.population import Mix, population
from tests.browser import browsing
from tests.processes import Process, cli, run_cli, wait_until

#: Seconds until everything runs, on two busy cores.
START = 60.0


@pytest.fixture(autouse=True)
def _somewhere_else(configure):
    """No setting, and a working directory of the test's own."""
    configure()


def start(spawn, *more: str) -> Process:
    started = spawn(*cli("up", "--workers", "1", "--port", "0", *more))
    started.wait_for("Everything runs", START)
    return started


def says(*arguments: str, **options: object) -> str:
    done = run_cli(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def processes_in(folder: Path) -> dict[int, str]:
    """Return the processes that have their working directory in a folder: pid and command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if (entry / "cwd").resolve().is_relative_to(folder.resolve()):
                    command = (entry / "cmdline").read_bytes().decode().split("\0")
                    found[int(entry.name)] = " ".join(command)
            except OSError:
                continue
    return {pid: command for pid, command in found.items() if command}


def worker_of(queue: str, folder: Path) -> int:
    """Return the pid of the worker process of a queue: the parent of its children."""
    return min(
        pid for pid, command in processes_in(folder).items() if f"--queues {queue}" in command
    )


def niceness(folder: Path, *, bulk: bool) -> set[int]:
    """Return how much lower the workers' priority is, of those for broadcasts or the others."""
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    return {
        os.getpriority(os.PRIO_PROCESS, pid) - mine
        for pid, command in processes_in(folder).items()
        if "--queues" in command and (".bulk" in command) is bulk
    }


def shown_in_flower(url: str) -> list[dict]:
    """Return the tasks that Flower's page lists, the newest first."""
    order = {"order[0][column]": 0, "order[0][dir]": "desc", "columns[0][data]": "received"}
    asked = {"draw": 1, "start": 0, "length": 1000, "search[value]": "", **order}
    try:
        with urlopen(f"{url}/tasks/datatable?{urlencode(asked)}") as answer:
            return json.load(answer)["data"]
    except OSError:  # it does not listen yet
        return []


def succeeded(page: Page) -> int:
    """Return how many tasks succeeded, as Flower's first page shows it now."""
    shown = re.search(r"Succeeded\s+([\d,]+)", page.inner_text("main"))
    return int(shown[1].replace(",", "")) if shown else 0


def check_flower(up: Process) -> None:
    """Flower shows tasks that move and their message, and changes nothing."""
    address = re.search(r"Flower +(\S+)", up.output)
    assert address is not None
    url = address[1]
    wait_until(lambda: shown_in_flower(url), 30, "a tick in Flower")
    message_id = says("publish", "default", "Hello").strip()

    def works_for_it() -> set[str]:
        return {one["name"] for one in shown_in_flower(url) if message_id in (one["args"] or "")}

    wait_until(lambda: "pipeline.fan_out" in works_for_it(), 20, "its fan-out in Flower")
    with browsing() as page:
        page.goto(url)
        before = succeeded(page)
        wait_until(lambda: succeeded(page) > before, 30, "tasks that succeed while one looks")
        page.goto(f"{url}/tasks")
        page.fill("input[type=search]", message_id)
        page.wait_for_function("id => document.querySelector('tbody td:nth-child(2)')"
                               "?.innerText.includes(id)", arg=message_id)  # fmt: skip
        rows = page.eval_on_selector_all(
            "#tasks-table tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText))"
        )
        page.click("#tasks-table tbody a[href*='/task/']")
        page.wait_for_selector("text=Arguments")
    for name, arguments, *_ in rows:
        assert re.fullmatch(r"pipeline\.(fan_out|start_run|deliver_apns|deliver_fcm)", name)
        assert re.fullmatch(rf"\(\d+, {message_id}\)", arguments)

    page = json.dumps(shown_in_flower(url))
    tokens = [str(one["deviceToken"]) for one in population(300, 1, Mix())]
    keys = [path.read_text().strip() for path in Path("var").glob("*.key")]
    assert keys
    assert [secret for secret in ("Hello", *tokens, *keys) if secret in page] == []
    for path in ("task/async-apply/pipeline.tick", "worker/shutdown/any"):
        with pytest.raises(HTTPError, match="405"):
            urlopen(Request(f"{url}/api/{path}", data=b"{}"))


def check_readme(up: Process) -> None:
    """The README's commands register, publish and tell what became of it."""
    api = re.search(r"HTTP API +(\S+)", up.output)
    key = re.search(r"API key +(\S+)", up.output)
    assert key is not None
    assert key[1] == (Path("var") / "api.key").read_text()
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    block = re.search(r"```sh\n(A=.*?)```", readme, re.DOTALL)
    assert api is not None
    assert block is not None
    base, register, publish, status, ledger, cancel = block[1].strip().splitlines()
    base = base.replace("http://localhost:8080", api[1])

    def shell(*lines: str) -> str:
        script = "\n".join((base, *lines))
        return subprocess.check_output(["bash", "-euc", script], text=True, timeout=30)

    registered, message_id = shell(register, "echo", publish, "echo $ID").splitlines()
    told = f"ID={message_id}"
    wait_until(lambda: "published" in shell(told, status), 30, "the end of the run")
    [run] = json.loads(shell(told, ledger))["runs"]

    assert json.loads(registered)["registrationId"].endswith("::news")
    assert (run["audience"], run["accepted"]) == (1, 1)
    assert json.loads(shell(told, cancel))["code"] == 5040

    steps = [line for line in up.output.splitlines() if line.startswith("  ")]
    found, devices, *_ = steps
    assert "100 " in shell(devices)
    script = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert script is not None
    python = shlex.join([sys.executable, "-c", script[1]])
    assert "'audience'" in shell(found, python)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_everything_works_without_any_configuration_and_stops_with_nothing_left(spawn, tmp_path):
    up = start(spawn)
    devices = "".join(json.dumps(one) + "\n" for one in population(300, 1, Mix()))
    says("devices", "import", "-", stdin=devices)
    message_id = says("publish", "default", "Hello").strip()
    run_cli("status", message_id, "--watch")
    (run,) = json.loads(says("status", message_id, "--json"))["runs"]
    assert (run["audience"], run["accepted"], run["inFlight"]) == (300, 300, 0)
    assert len(says("export", message_id).splitlines()) == 300
    assert "BAD" not in says("doctor")
    api = re.search(r"HTTP API +(\S+)", up.output)
    assert api is not None
    key = (Path("var") / "operator.key").read_text()
    shown = Request(f"{api[1]}/readyz", headers={"Authorization": f"Bearer {key}"})
    with urlopen(shown) as answer:
        assert answer.status == 200
    check_flower(up)
    check_readme(up)

    second = run_cli("up")
    assert second.returncode == 1
    assert f"process {up.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert up.alive

    up.signal(signal.SIGINT)
    assert up.wait(10) == 0
    assert processes_in(tmp_path) == {}
    assert "stopped" in up.output


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_dies_is_started_again_and_no_message_is_lost_not_even_of_a_killed_up(spawn, tmp_path):
    up = start(spawn, "--no-flower")
    devices = "".join(json.dumps(one) + "\n" for one in population(50, 1, Mix()))
    says("devices", "import", "-", stdin=devices)
    assert niceness(tmp_path, bulk=True) == {0, NICE}  # the parent, and its children
    assert niceness(tmp_path, bulk=False) == {0}
    for queue in ("apns", "fcm"):
        os.kill(worker_of(queue, tmp_path), signal.SIGKILL)
    redis = next(pid for pid, command in processes_in(tmp_path).items() if "redis.sock" in command)
    os.kill(redis, signal.SIGKILL)
    message_id = says("publish", "default", "Hello").strip()
    wait_until(lambda: up.output.count("starts again") >= 3, 20, "three new starts")
    says("status", message_id, "--watch", timeout=60)
    (run,) = json.loads(says("status", message_id, "--json"))["runs"]
    assert (run["accepted"], run["resent"]) == (50, 0)

    os.kill(up.pid, signal.SIGKILL)
    up.wait()
    wait_until(lambda: not processes_in(tmp_path), 5, "the end of all child processes")
    message_id = says("publish", "default", "Hello").strip()
    start(spawn, "--no-flower")
    says("status", message_id, "--watch", timeout=60)
    (run,) = json.loads(says("status", message_id, "--json"))["runs"]
    assert run["accepted"] == 50


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_cli("up", "--port", str(port))
    assert done.returncode == 1
    assert f"error: port {port} cannot be used" in done.stderr
    assert processes_in(tmp_path) == {}


@pytest.mark.slow
def test_it_can_be_stopped_while_it_starts(spawn, tmp_path):
    started = spawn(*cli("up", "--port", "0"))
    started.wait_for("starting")
    started.signal(signal.SIGTERM)
    assert started.wait(15) == 0
    assert processes_in(tmp_path) == {}
