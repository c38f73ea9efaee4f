"""The archive that krew installs, and its manifest.

Source: https://krew.sigs.k8s.io/docs/developer-guide/develop/naming-guide/ and
``ValidatePlugin`` of krew's ``internal/index/validation``.
"""

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import argogrant
from support.operator_process import ROOT


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("krew_build", ROOT / "krew/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    builder().build(folder)
    return folder


@pytest.fixture(scope="module")
def manifest(built: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((built / "argogrant.yaml").read_text())
    return read


def test_archive_runs_with_python_only(built: Path, tmp_path: Path) -> None:
    with tarfile.open(built / "argogrant.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    bare = Path(sys.base_prefix) / "bin"
    answer = subprocess.run(
        [tmp_path / "kubectl-argogrant", "version"],
        env={"PATH": f"{bare}:{os.defpath}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.stdout, answer.stderr) == (f"{argogrant.__version__}\n", "")


def test_manifest_has_the_fields_that_krew_requires(manifest: dict[str, Any]) -> None:
    spec = manifest["spec"]
    (platform,) = spec["platforms"]

    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert (manifest["kind"], manifest["metadata"]) == ("Plugin", {"name": "argogrant"})
    assert re.fullmatch(r"v[0-9]+\.[0-9]+\.[0-9]+", spec["version"])
    assert 0 < len(spec["shortDescription"]) <= 50
    assert max(map(len, spec["description"].splitlines())) <= 80
    assert set(platform["selector"]["matchLabels"]) == {"os", "arch"}
    assert platform["uri"].startswith("https://")


def test_manifest_has_the_checksum_of_the_archive(
    built: Path, manifest: dict[str, Any]
) -> None:
    (platform,) = manifest["spec"]["platforms"]
    content = (built / "argogrant.tar.gz").read_bytes()

    assert platform["sha256"] == hashlib.sha256(content).hexdigest()


def test_archive_contains_the_executable_of_the_manifest(
    built: Path, manifest: dict[str, Any]
) -> None:
    (platform,) = manifest["spec"]["platforms"]
    with tarfile.open(built / "argogrant.tar.gz") as archive:
        assert archive.getmember(platform["bin"]).mode & 0o111
