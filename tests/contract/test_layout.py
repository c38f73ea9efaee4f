"""The pieces agree: layout, generated files, sizes."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SPEC = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
assert SPEC is not None
assert SPEC.loader is not None
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)


def test_operator_is_a_source_root_and_no_package() -> None:
    """A package of that name would hide the standard library's module."""
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize("name", sorted(GENERATE.generated_files()))
def test_generated_files_are_fresh(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATE.generated_files()[name], (
        "run `make generate` and commit what it writes"
    )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "operator").rglob("*.py")), ids=lambda path: path.name
)
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert path.read_text().count("\n") <= 300
