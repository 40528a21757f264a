"""What `deploy/image/build.sh` built: its processes, as its user, deliver a push."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from sqlalchemy import make_url

from push_pipeline import status
from tests.audience import android, ios
from tests.processes import Process, free_port, wait_until
from tests.running import Stand

BUILT = Path(__file__).parents[2] / "build" / "image"

BUILDAH = ["buildah", "--root", str(BUILT / "store"), "--runroot", str(BUILT / "run")]


def buildah(*words: str) -> str:
    env = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    return subprocess.run(
        [*BUILDAH, *words], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


def page(url: str) -> str:
    """Return what a page says, or nothing while none listens."""
    try:
        with urlopen(url) as answer:
            return answer.read().decode()
    except URLError:
        return ""


@pytest.fixture
def container() -> Iterator[str]:
    name = buildah("from", "--pull-never", "localhost/push-pipeline")
    yield name
    buildah("rm", name)


@pytest.mark.timeout(300)
def test_a_push_is_published_and_delivered_by_processes_of_the_image(
    container: str, stand: Stand, spawn: Callable[..., Process]
) -> None:
    authorities = Path(os.environ["PIPELINE_CA_FILE"])
    given = {name: value for name, value in os.environ.items() if name.startswith("PIPELINE_")}
    given["PIPELINE_CA_FILE"] = "/tmp/authorities.pem"
    given.pop("PIPELINE_METRICS_DIR", None)  # a folder of the tests
    sockets = str(make_url(given["PIPELINE_DATABASE_URL"]).query["host"])
    Path(sockets).chmod(0o755)  # the image's user goes in
    authorities.chmod(0o644)  # and reads whom to trust
    options = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    mounted = [f"{authorities}:{given['PIPELINE_CA_FILE']}:ro", f"{sockets}:{sockets}"]
    options += [word for volume in mounted for word in ("--volume", volume)]

    def start(*words: str) -> Process:
        return spawn(
            *BUILDAH, "run", "--network", "host", *options,
            container, "--", *words,
            env={"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"},
        )  # fmt: skip

    who = start("python", "-c", "import os; print('runs as', os.getuid(), os.getgid())")
    who.wait_for("runs as 65532 65532")
    start("push-pipeline", "migrate").wait_for("schema")
    stand.subscribe(ios(1), android(1))
    port = str(free_port())
    gateway = start("push-pipeline", "gateway", "--port", port, "--console")
    worker = start("push-pipeline", "worker", "--concurrency", "2")
    beat = start("push-pipeline", "beat")
    gateway.wait_for("listening on ")
    worker.wait_for(" ready.")
    beat.wait_for("beat: Starting")
    flower = start("push-pipeline", "flower", "--port", flower_port := str(free_port()))
    assert page(f"http://127.0.0.1:{port}/healthz")
    assert "Sign in" in page(f"http://127.0.0.1:{port}/console/sign-in")
    start("push-pipeline", "doctor").wait_for("beat         ")

    publishing = start("push-pipeline", "publish", "news", "Hello")
    assert publishing.wait() == 0, publishing.output
    message_id = publishing.output.strip()

    wait_until(lambda: status(message_id)["status"] == "published", 60, "its end")
    assert stand.simulator.received() == dict.fromkeys(ios(1) + android(1), 1)
    assert all(one.alive for one in (gateway, worker, beat, flower))
    wait_until(lambda: "Flower" in page(f"http://127.0.0.1:{flower_port}"), 60, "Flower's page")
