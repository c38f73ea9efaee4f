"""Metrics and PromQL of the alert rules and the dashboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from argogrant.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "manifests/monitoring"
VARIABLES = {"$namespace": ".*", "$instance": ".*"}


def alerts() -> list[dict[str, Any]]:
    rule = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    return [alert for group in rule["spec"]["groups"] for alert in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found: list[dict[str, Any]] = dashboard["panels"]
    return found


def all_queries() -> Iterator[Any]:
    for alert in alerts():
        yield pytest.param(alert["expr"], id=alert["alert"])
    for panel in panels():
        for target in panel["targets"]:
            yield pytest.param(
                target["expr"], id=f"{panel['title']}, {target['legendFormat']}"
            )


def names_that_exist() -> set[str]:
    metrics = Metrics()
    names = {"argogrant", "argogrant_leader"}
    for family in metrics.registry.collect():
        names.add(family.name)
        if family.type == "counter":
            names |= {f"{family.name}_total"}
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return names


@pytest.mark.parametrize("query", list(all_queries()))
def test_every_query_parses_and_uses_existing_metrics(query: str) -> None:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    parsed = promql_parser.parse(query)
    asked = set(re.findall(r"\b(?:argogrant|process)_[a-z_]+\b", parsed.prettify()))

    assert asked <= names_that_exist()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_has_severity_and_runbook(alert: dict[str, Any]) -> None:
    page = re.search(r"docs/\S+\.md", alert["annotations"]["description"])

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"].endswith(".")
    assert page is not None
    assert (ROOT / page.group()).exists()
    if page.group().endswith("alerts.md"):
        assert f"## {alert['alert']}" in (ROOT / page.group()).read_text()


def test_panels_have_text_and_do_not_overlap() -> None:
    places: set[tuple[int, int]] = set()
    for panel in panels():
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & places
        places |= cells
        assert panel["title"]
        assert panel["description"]


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    ours = {name for name in names_that_exist() if name.startswith("argogrant_")}

    assert {n for n in ours if not re.search(r"_(bucket|sum|count)$", n)} - {
        name for name in ours if f"{name}_total" in ours
    } <= set(re.findall(r"`(argogrant_[a-z_]+)`", page))
