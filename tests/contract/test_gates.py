"""Steps and thresholds of ``make check``."""

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


def commands(target: str, *options: str) -> list[str]:
    """Return the commands that make would run, in order."""
    out = subprocess.run(
        ["make", "--dry-run", *options, target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.strip() for line in out.stdout.splitlines()]


def gates() -> list[str]:
    return [line for line in commands("coverage") if "coverage report" in line]


def index_of(text: str, run: list[str]) -> int:
    """Return the index of the first command that contains a text."""
    return next(index for index, line in enumerate(run) if text in line)


STEPS = (
    "ruff format --check",
    "ruff check",
    "mypy",
    "lint-imports",
    "pytest tests/unit tests/contract",
    'pytest tests/integration tests/hostile tests/chaos -m "not long"',
    "coverage report",
    "pytest tests/unit tests/integration tests/chaos",
)
PAGES = "pytest tests/pages"


def test_check_lints_then_tests_then_plays_the_pages(tmp_path: Path) -> None:
    """A fresh clone has no stamp file."""
    run = commands("check", f"PAGES_PASSED={tmp_path}/absent")
    order = [index_of(step, run) for step in (*STEPS, PAGES)]

    assert order == sorted(order)


@pytest.mark.parametrize(
    ("changed", "is_played"),
    [
        pytest.param("CONTRIBUTING.md", False, id="a page that shows no output"),
        pytest.param("README.md", True, id="the README"),
        pytest.param("docs/tutorial.md", True, id="a page"),
        pytest.param("examples/roles.yaml", True, id="a manifest"),
        pytest.param("charts/argogrant/values.yaml", True, id="the chart"),
        pytest.param("operator/argogrant/cli/main.py", True, id="a command"),
        pytest.param("tests/support/doc_player.py", True, id="a test module"),
    ],
)
def test_check_plays_the_pages_again_after_a_change(
    tmp_path: Path, changed: str, *, is_played: bool
) -> None:
    stamp = tmp_path / "passed"
    stamp.touch()
    run = commands(
        *("check", f"PAGES_PASSED={stamp}", f"--what-if={changed}"),
        "--old-file=.venv/.ready",
    )

    assert (ROOT / changed).exists()
    assert any(PAGES in line for line in run) is is_played
    assert index_of(STEPS[-1], run)


def test_test_plays_no_pages() -> None:
    assert not any(PAGES in line for line in commands("test"))


def test_core_needs_full_coverage_and_the_rest_nine_tenths() -> None:
    core, rest = gates()

    assert f"--include='{CORE}' --fail-under=100" in core
    assert f"--omit='{CORE}' --fail-under=90" in rest


def test_coverage_is_erased_before_the_tests_and_checked_after_them() -> None:
    run = commands("coverage")
    erased = next(i for i, line in enumerate(run) if line.endswith("coverage erase"))
    tested = next(i for i, line in enumerate(run) if "pytest tests/unit" in line)
    judged = [i for i, line in enumerate(run) if "coverage report" in line]

    assert erased < tested < judged[0]
    assert len(judged) == 2


@pytest.mark.parametrize("part", ["grants", "argocd", "controller"])
def test_untested_branch_fails_the_coverage_check(tmp_path: Path, part: str) -> None:
    """The commands of the Makefile, on a package with half of its branches covered."""
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


def test_warning_is_an_error() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert settings["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert settings["coverage"]["run"]["branch"] is True
