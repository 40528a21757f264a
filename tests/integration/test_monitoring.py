"""Rules and dashboard in deploy/monitoring: they work, and lead an operator somewhere."""

import json
import re
import subprocess
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = DEPLOY / "monitoring"
RULES = FOLDER / "push-pipeline.rules.yaml"


def rules() -> list[dict]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def documented() -> set[str]:
    return set(re.findall(r"^\| `(push_pipeline_\w+)`", runbook(), re.MULTILINE))


def runbook() -> str:
    return (DEPLOY / "runbook.md").read_text()


def promtool(*words: str | Path) -> None:
    done = subprocess.run(
        ["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_tell_what_is_wrong_and_not_what_is_well() -> None:
    promtool("check", "rules", "--lint-fatal", RULES)
    promtool("test", "rules", FOLDER / "push-pipeline.rules.test.yaml")
    for config in (FOLDER / "prometheus.yaml", FOLDER / "compose" / "prometheus.yaml"):
        promtool("check", "config", "--syntax-only", config)


def test_each_alert_is_tested_and_leads_to_a_paragraph_of_the_runbook() -> None:
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    headings = re.findall(r"^## (.+)$", runbook(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    tests = yaml.safe_load((FOLDER / "push-pipeline.rules.test.yaml").read_text())["tests"]

    told = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }

    assert told == set(alerts)
    for rule in alerts.values():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (page, anchor in anchors) == ("deploy/runbook.md", True), rule
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_rules_and_dashboard_ask_for_metrics_that_the_runbook_lists() -> None:
    dashboard = (FOLDER / "push-pipeline.dashboard.json").read_text()
    asked = " ".join(rule["expr"] for rule in rules()) + dashboard

    names = set(re.findall(r"(?<![:\w])push_pipeline_\w+", asked))

    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in names} <= documented()


def test_the_dashboard_can_be_imported_anywhere() -> None:
    dashboard = json.loads((FOLDER / "push-pipeline.dashboard.json").read_text())
    panels = dashboard["panels"]

    assert dashboard["uid"] == "push-pipeline"
    assert "id" not in dashboard
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert {one["datasource"]["uid"] for one in panel["targets"]} == {"${datasource}"}
