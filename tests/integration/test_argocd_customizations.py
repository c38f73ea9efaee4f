"""Health checks and actions of our kinds, as Argo CD evaluates them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import programs

ROOT = Path(__file__).parent.parent.parent
PATCH = ROOT / "argocd/argocd-cm-patch.yaml"
KINDS = sorted((ROOT / "argocd/resource_customizations/argogrant.dev").iterdir())
ACTIONS = next(kind for kind in KINDS if kind.name == "AccessGrant") / "actions"


def cases_of(file: Path, section: str) -> Iterator[Any]:
    for case in yaml.safe_load(file.read_text())[section]:
        name = f"{file.parent.name} {case.get('action', '')} {case['inputPath']}"
        yield pytest.param(file.parent, case, id=name)


HEALTH = [
    case for kind in KINDS for case in cases_of(kind / "health_test.yaml", "tests")
]
DISCOVERY = list(cases_of(ACTIONS / "action_test.yaml", "discoveryTests"))
RUNS = list(cases_of(ACTIONS / "action_test.yaml", "actionTests"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An argocd-cm to which the patch was applied."""
    labels = {"app.kubernetes.io/part-of": "argocd"}
    metadata = {"name": "argocd-cm", "namespace": "argocd", "labels": labels}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    path = tmp_path_factory.mktemp("settings") / "argocd-cm.yaml"
    path.write_text(json.dumps({**config_map, **yaml.safe_load(PATCH.read_text())}))
    return path


def overrides(settings: Path, command: str, *arguments: str) -> str:
    """Return the output of ``argocd admin settings resource-overrides``."""
    done = subprocess.run(
        [
            *(programs.bin_folder() / "argocd", "admin", "settings"),
            *("resource-overrides", command, *arguments),
            *("--argocd-cm-path", settings, "--load-cluster-settings=false"),
        ],
        env={**os.environ, **dict.fromkeys(("HOME", "TMPDIR"), str(settings.parent))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(("folder", "case"), HEALTH)
def test_health_of_an_object(
    settings: Path, folder: Path, case: dict[str, Any]
) -> None:
    said = overrides(settings, "health", str(folder / case["inputPath"]))

    expected = case["healthStatus"]
    assert said.splitlines() == [
        f"STATUS: {expected['status']}",
        f"MESSAGE: {expected['message']}",
    ]


@pytest.mark.parametrize(("folder", "case"), DISCOVERY)
def test_available_actions_of_an_object(
    settings: Path, folder: Path, case: dict[str, Any]
) -> None:
    said = overrides(settings, "list-actions", str(folder / case["inputPath"]))

    listed = {tuple(line.split()) for line in said.splitlines()[1:]}
    assert listed == {
        (one["name"], str(one["disabled"]).lower()) for one in case["result"]
    }


@pytest.mark.parametrize(("folder", "case"), RUNS)
def test_action_changes_the_object(
    settings: Path, folder: Path, case: dict[str, Any]
) -> None:
    said = overrides(
        settings, "run-action", str(folder / case["inputPath"]), case["action"]
    )

    before, after = (
        set((folder / case[key]).read_text().splitlines())
        for key in ("inputPath", "expectedOutputPath")
    )
    changed = {line for line in said.splitlines() if line.startswith(("<", ">"))}
    expected = {f"> {line}" for line in after - before}
    assert changed == expected | {f"< {line}" for line in before - after}


@pytest.mark.parametrize("action", ["end-in-15-minutes", "end-in-60-minutes"])
def test_action_cannot_move_an_end_later(settings: Path, action: str) -> None:
    running = ACTIONS / "testdata/in-force.yaml"
    said = overrides(settings, "run-action", str(running), action)

    changed = [line for line in said.splitlines() if line.startswith(("<", ">"))]
    assert changed[0] == '<   expiresAt: "2999-11-24T18:00:00Z"'
    assert changed[1].startswith('>   expiresAt: "20')
    assert len(changed) == 2
