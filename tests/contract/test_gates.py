"""The gates hold: what `make check` demands can not be lowered unnoticed."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CORE = "*/argogrant/grants/*,*/argogrant/argocd/*"
ONE_BRANCH_IS_MISSING = """
def decide(question):
    if question:
        return 1
    return 2
assert decide(True)
"""


def commands(target: str) -> list[str]:
    """What make would run, in order."""
    out = subprocess.run(
        ["make", "--dry-run", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.strip() for line in out.stdout.splitlines()]


def gates() -> list[str]:
    return [line for line in commands("coverage") if "coverage report" in line]


def test_the_core_is_covered_whole_and_the_rest_by_nine_tenths() -> None:
    core, rest = gates()

    assert f"--include='{CORE}' --fail-under=100" in core
    assert f"--omit='{CORE}' --fail-under=90" in rest


def test_the_tests_are_followed_by_the_gates() -> None:
    """Data of an earlier run must not help."""
    run = commands("test")
    erased = next(i for i, line in enumerate(run) if line.endswith("coverage erase"))
    tested = next(i for i, line in enumerate(run) if "pytest tests/unit" in line)
    judged = [i for i, line in enumerate(run) if "coverage report" in line]

    assert erased < tested < judged[0]
    assert len(judged) == 2


@pytest.mark.parametrize("part", ["grants", "argocd", "controller"])
def test_a_branch_that_no_test_takes_closes_a_gate(tmp_path: Path, part: str) -> None:
    """The very commands of the Makefile, on a package with half of its branches."""
    package = tmp_path / "argogrant" / part
    package.mkdir(parents=True)
    (package / "rules.py").write_text(ONE_BRANCH_IS_MISSING)
    program = [str(package / "rules.py")]
    coverage = str(ROOT / ".venv/bin/coverage")
    alone = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    run = [coverage, "run", "--branch", f"--source={tmp_path}", *program]
    subprocess.run(run, cwd=tmp_path, env=alone, check=True)
    statuses = [
        subprocess.run(
            gate.replace(".venv/bin/coverage", coverage),
            shell=True,
            cwd=tmp_path,
            env=alone,
            capture_output=True,
            check=False,
        ).returncode
        for gate in gates()
    ]

    assert (statuses[0] == 2) is (part in {"grants", "argocd"})
    assert 2 in statuses


def test_language_of_texts_is_a_gate() -> None:
    assert any("docs/check_prose.py" in line for line in commands("lint"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('"""Tell the time."""', "'Tell'", id="an opening"),
        pytest.param('"""It can not."""', "'can not'", id="a refused form"),
        pytest.param('"""Ask nobody or somebody."""', "of 1,000 words", id="dialect"),
    ],
)
def test_text_in_the_old_dialect_closes_the_gate(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "docs").mkdir()
    script = tmp_path / "docs/check_prose.py"
    script.write_text((ROOT / "docs/check_prose.py").read_text())
    (tmp_path / "module.py").write_text(text)
    run = subprocess.run(
        [ROOT / ".venv/bin/python", script, "module.py"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert problem in run.stdout


def test_a_warning_is_an_error() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert settings["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert settings["coverage"]["run"]["branch"] is True
