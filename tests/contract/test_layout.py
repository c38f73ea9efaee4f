"""The pieces agree: layout, generated files, sizes."""

import importlib.util
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
GENERATED = {
    **GENERATE.generated_files(),
    **GENERATE_AUDIT.generated_files(),
    **GENERATE_COMMANDS.generated_files(),
    **GENERATE_ARGOCD.argocd_files(),
    **GENERATE_ERRORS.generated_files(),
}
RENDER = loaded("examples/render.py")


def test_operator_is_a_source_root_and_no_package() -> None:
    """A package of that name would hide the standard library's module."""
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_files_are_fresh(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATED[name], (
        "run `make generate` and commit what it writes"
    )


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_is_named_after_what_it_knows(path: Path) -> None:
    """A function without a home is a concept without a name."""
    assert not {path.stem, path.parent.name} & NAMELESS


@pytest.mark.parametrize("folder", RENDER.folders(), ids=lambda folder: folder.name)
def test_an_example_shows_what_is_written(folder: Path) -> None:
    assert (folder / "policy.csv").read_text() == RENDER.render(folder)
