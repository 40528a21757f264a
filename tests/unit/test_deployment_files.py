"""The files in deploy/ for containers, Kubernetes, systemd and Procfile runners are well-formed."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import typer
import yaml
from compose_spec import ComposeSpecification

from push_pipeline.cli.root import app
from push_pipeline.gateway import gauges
from push_pipeline.queues import QUEUES

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = [DEPLOY / "kubernetes" / f"{name}.yaml" for name in
              ("migrate", "gateway", "workers", "beat")]  # fmt: skip


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def services() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def pods() -> Iterator[dict[str, Any]]:
    for path in KUBERNETES:
        for one in documents(path):
            if one["kind"] in ("Deployment", "Job"):
                yield one["spec"]["template"]["spec"]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield what each file runs, as the arguments of `push-pipeline`."""
    for name, service in services().items():
        if "build" in service:
            yield f"compose {name}", service["command"]
    for pod in pods():
        yield f"kubernetes {pod['containers'][0]['name']}", pod["containers"][0]["args"]
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": push-pipeline ")
        yield f"Procfile {name}", shlex.split(command.replace("${PORT:-8080}", "8080"))
    for unit in (DEPLOY / "systemd").iterdir():
        (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
        words = start.partition("push-pipeline ")[2].replace("%i", "publish,schedule")
        yield unit.name, shlex.split(words)


@pytest.mark.parametrize(("where", "words"), [*commands()], ids=lambda value: str(value)[:30])
def test_every_file_runs_a_command_that_there_is(where: str, words: list[str]) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, click.Group | typer.core.TyperGroup), where
    command = root.commands[words[0]]

    context = command.make_context(words[0], words[1:])  # parses, and runs nothing

    queues = context.params.get("queue_names") or ""
    assert set(filter(None, queues.split(","))) <= set(QUEUES)


def test_together_the_workers_of_each_file_serve_every_queue() -> None:
    served: dict[str, set[str]] = {}
    for where, words in commands():
        if words[0] == "worker":
            served.setdefault(where.partition(" ")[0], set()).update(words[2].split(","))
    for kind in ("compose", "kubernetes", "Procfile"):
        assert served[kind] == set(QUEUES)


def test_the_image_is_built_as_a_linter_wants_it() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = ComposeSpecification.model_validate(
        yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    )
    assert checked.services is not None
    assert checked.services["beat"].deploy.replicas == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_kubernetes_knows_every_field(path: Path) -> None:
    for one in documents(path):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_every_pod_runs_without_rights_and_without_the_names_of_services() -> None:
    for pod in pods():
        assert pod["enableServiceLinks"] is False
        allowed = pod["containers"][0]["securityContext"]
        assert allowed["runAsNonRoot"] is True
        assert allowed["readOnlyRootFilesystem"] is True


def test_workers_have_more_than_a_minute_to_finish() -> None:
    workers = [pod for pod in pods() if pod["containers"][0]["args"][0] == "worker"]
    assert len(workers) == 3
    assert all(pod["terminationGracePeriodSeconds"] > 60 for pod in workers)


def test_workers_are_scaled_by_a_metric_that_there_is() -> None:
    (scaled,) = documents(DEPLOY / "kubernetes" / "scaling.yaml")
    (trigger,) = scaled["spec"]["triggers"]
    (metric,) = re.findall(r"push_pipeline_\w+", trigger["metadata"]["query"])
    assert f"| {metric} |" in str(gauges.__doc__)
    names = {one["metadata"]["name"] for path in KUBERNETES for one in documents(path)}
    assert scaled["spec"]["scaleTargetRef"]["name"] in names


def test_kustomize_takes_every_file() -> None:
    (kustomization,) = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert set(kustomization["resources"]) == {path.name for path in KUBERNETES}


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    units = []
    for unit in (DEPLOY / "systemd").iterdir():
        there = unit.read_text().replace("/opt/push-pipeline/bin/push-pipeline", "/bin/true")
        units.append(tmp_path / unit.name)
        units[-1].write_text(there.replace("file:/opt/push-pipeline/README.md", "man:true(1)"))
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: make packages"
    done = subprocess.run(
        [analyze, "verify", "--man=no", *units],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
