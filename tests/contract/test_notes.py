"""Notes of the chart, whose commands can be pasted into a shell."""

import subprocess
from pathlib import Path

import pytest
import yaml

from argogrant.api.accessgrant import read_grant
from argogrant.api.accesspolicy import read_policy
from controlplane.helm import helm
from support import chart

WIDTH = 80
SEEN = {"uid": "u", "creationTimestamp": "2026-11-24T15:00:00Z"}
"""Metadata that the API server adds to every object."""
SETS = {
    "as it comes": [],
    "another name": ["instance.name=production"],
    "open": ["instance.spec.requireAccessPolicy=false"],
    "no instance": ["instance.create=false"],
    "Argo CD in another cluster": [
        *chart.SETS["Argo CD in another cluster"],
        "operator.namespaces={team-b}",
    ],
}


def notes(folder: Path, values: list[str]) -> str:
    run = ("install", "argogrant", str(chart.CHART), "--namespace", "argogrant")
    out = helm(*run, "--dry-run=client", *chart.options(values), folder=folder).stdout
    return out.partition("\nNOTES:\n")[2]


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_first_grant_of_the_notes_runs_in_a_shell(
    values: list[str], tmp_path: Path
) -> None:
    """The shell passes a valid grant to kubectl, and a policy if one is needed."""
    command = notes(tmp_path, values).partition("\nkubectl create")[2]
    script = f"kubectl() {{ cat; }}\nkubectl create{command}"
    name = dict(one.split("=") for one in values).get("instance.name", "default")
    said = subprocess.run(
        ["sh", "-euc", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    *policies, body = yaml.safe_load_all(said.stdout)
    body["metadata"] |= {"name": body["metadata"]["generateName"] + "x", **SEEN}

    assert said.stderr == ""
    assert read_grant(body).instance == name
    assert len(policies) == ("requireAccessPolicy=false" not in str(values))
    for policy in policies:
        policy["metadata"] |= SEEN
        assert body["spec"]["subject"]["name"] in read_policy(policy).subjects.users


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_notes_fit_a_terminal(values: list[str], tmp_path: Path) -> None:
    lines = notes(tmp_path, values).splitlines()

    assert lines[0].startswith("argogrant ")
    assert max(map(len, lines)) <= WIDTH
