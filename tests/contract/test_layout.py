"""The pieces agree: layout, generated files, sizes."""

import ast
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


def loaded(path: str) -> ModuleType:
    """Import a script that belongs to no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULES = sorted(
    path.relative_to(ROOT)
    for room in ("operator", "tests", "docs")
    for path in (ROOT / room).rglob("*.py")
)
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base"}
GENERATE = loaded("docs/generate.py")
GENERATE_AUDIT = loaded("docs/generate_audit.py")
GENERATE_COMMANDS = loaded("docs/generate_commands.py")
GENERATE_ARGOCD = loaded("docs/generate_argocd.py")
GENERATE_ERRORS = loaded("docs/generate_errors.py")
GENERATE_PICTURE = loaded("docs/generate_picture.py")
GENERATED = {
    **GENERATE.generated_files(),
    **GENERATE_AUDIT.generated_files(),
    **GENERATE_COMMANDS.generated_files(),
    **GENERATE_ARGOCD.argocd_files(),
    **GENERATE_ERRORS.generated_files(),
    **GENERATE_PICTURE.generated_files(),
}
MOST = 21
"""Modules of the largest folder, with its ``__init__``."""
RETIRED = """
Advice Agreement Announced Answers Assessment Ballot Circumstances CitedLink CitedRule
Delivery Departures Disposal Facts Gathered Gatherer Guidance Health Holding Identities
Judge Ledger NothingToCompare Outlook Petition Powers RBACText Reflector Remains Retold
Roster Ruling Said Surroundings Telling ToldApproval ToldGrant Upkeep Upkept
Verification Vitals Vote Whereabouts Wish
agree advise as_enforced ballot_of by_left_side caution_about ceiling_note
client_from_surroundings details_problem end_survives_recreation everybody_agrees
explain facts_about fill_in_policies forget_ended_lines give_back_freed glob_matches
has_right is_found is_same_person judged kept_until life_of missing_rights needed_rights
ours_in patience_of person_of problem_of quorum_of read_others read_told recognise
roles_of_everybody ruling_of share_one_heap span_of subject_is_nobodys_role tell_access
tell_failure telling_of text_problem told_access told_wish traits_of unagreed_window_of
vote_name write_end write_vote
""".split()  # noqa: SIM905 - a list of a hundred lines reads no better
RENDER = loaded("examples/render.py")


def test_operator_is_a_source_root_and_no_package() -> None:
    """A package of that name would hide the standard library's module."""
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_files_are_fresh(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATED[name], (
        "run `make generate` and commit what it writes"
    )


def test_no_module_has_a_name_that_fits_every_module() -> None:
    """A function without a home is a concept without a name."""
    assert [
        str(path) for path in MODULES if {path.stem, path.parent.name} & NAMELESS
    ] == []


def test_public_class_name_means_one_thing_in_the_package() -> None:
    defined = Counter(
        node.name
        for path in MODULES
        if path.parts[0] == "operator"
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert [name for name, count in defined.items() if count > 1] == []


def test_folder_of_the_package_holds_what_a_reader_keeps_in_the_head() -> None:
    sizes = Counter(path.parent for path in MODULES if path.parts[0] == "operator")

    assert {str(path): size for path, size in sizes.items() if size > MOST} == {}


def test_helpers_of_tests_are_in_packages() -> None:
    roots = {path.name for path in (ROOT / "tests").glob("*.py")}

    assert roots == {"conftest.py"}


def test_unit_tests_mirror_the_package() -> None:
    """Each is named after a module of the same folder, or after one of its aspects."""
    misplaced = [
        str(path)
        for path in sorted((ROOT / "tests/unit").rglob("test_*.py"))
        if not is_named_after_a_module(path.relative_to(ROOT / "tests/unit"))
    ]

    assert misplaced == []


def is_named_after_a_module(test: Path) -> bool:
    """Return whether a module is called as a test, or as the beginning of its name."""
    package = "benchmarks" if test.parts[0] == "bench" else "operator/argogrant"
    words = test.stem.removeprefix("test_").split("_")
    return any(
        (ROOT / package / test.parent / f"{'_'.join(words[:size])}.py").exists()
        for size in range(1, len(words) + 1)
    )


def test_retired_names_are_gone() -> None:
    """These were public names; each has a better one."""
    defined = {
        node.name
        for path in MODULES
        if path.parts[0] == "operator"
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert defined & set(RETIRED) == set()


@pytest.mark.parametrize("folder", RENDER.folders(), ids=lambda folder: folder.name)
def test_an_example_shows_what_is_written(folder: Path) -> None:
    assert (folder / "policy.csv").read_text() == RENDER.render(folder)
