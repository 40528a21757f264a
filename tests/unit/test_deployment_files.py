"""The files in deploy/ for containers, Kubernetes, systemd and Procfile runners are well-formed."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


def test_no_file_asks_the_image_for_a_shell_or_for_another_user() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    asked = [
        service["healthcheck"]["test"]
        for service in services().values()
        if "build" in service and "healthcheck" in service
    ]
    assert asked
    assert all(words[:2] == ["CMD", "python"] for words in asked)
    for pod in pods():
        assert '"exec"' not in json.dumps(pod)  # the kubelet's own probes, and its own sleep
        assert "command" not in pod["containers"][0]
        assert pod["containers"][0]["securityContext"]["runAsUser"] == int(user)


def test_the_compose_file_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = ComposeSpecification.model_validate(
        yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    )
    assert checked.services is not None
    assert checked.services["beat"].deploy.replicas == 2  # type: ignore[union-attr]


def mounts() -> dict[str, Path]:
    """Return the files that compose mounts, by where its programs find them."""
    found = {}
    for service in services().values():
        for volume in service.get("volumes", ()):
            here, there, *_ = volume.split(":")
            if here.startswith("."):
                found[there] = DEPLOY / here
    return found


def test_compose_mounts_files_that_there_are_and_opens_no_tool_to_the_world() -> None:
    assert all(path.is_file() for path in mounts().values())
    opened = {port for service in services().values() for port in service.get("ports", ())}
    assert {port for port in opened if not port.startswith("127.0.0.1:")} == {"8080:8080"}


def test_prometheus_scrapes_whoever_counts_in_compose() -> None:
    config = yaml.safe_load(mounts()["/etc/prometheus/prometheus.yaml"].read_text())
    targets = {
        target
        for job in config["scrape_configs"]
        for part in job["static_configs"]
        for target in part["targets"]
    }
    told = {
        f"{name}:{words[words.index(option) + 1]}"
        for where, words in commands()
        for kind, _, name in [where.partition(" ")]
        for option in ("--operator-port", "--metrics-port")
        if kind == "compose" and option in words
    }
    assert targets == told
    assert len([target for target in told if target.endswith(":9464")]) == 7
    for rules in config["rule_files"]:
        assert mounts()[f"/etc/prometheus/{rules}"].name == rules


def test_grafana_finds_its_source_and_the_dashboard() -> None:
    provisioning = "/etc/grafana/provisioning"
    [source] = yaml.safe_load(
        mounts()[f"{provisioning}/datasources/push-pipeline.yaml"].read_text()
    )["datasources"]
    [provider] = yaml.safe_load(
        mounts()[f"{provisioning}/dashboards/push-pipeline.yaml"].read_text()
    )["providers"]
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    dashboard = json.loads(mounts()[home].read_text())

    address = urlsplit(source["url"])
    assert (address.hostname in services(), address.port) == (True, 9090)
    assert Path(home).parent == Path(provider["options"]["path"])
    [chosen] = dashboard["templating"]["list"]  # takes the default source of its type
    assert (chosen["query"], source["type"], source["isDefault"]) == (
        "prometheus", "prometheus", True,
    )  # fmt: skip
    asked = {panel["datasource"]["uid"] for panel in dashboard["panels"]}
    assert asked == {f"${{{chosen['name']}}}"}


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
    assert len(workers) == 4
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
