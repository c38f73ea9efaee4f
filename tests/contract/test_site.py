"""The site: built without warnings, with every page, and without external files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import doc_pages

ROOT = doc_pages.ROOT
NOT_COPIED = shutil.ignore_patterns(".*", "build", "__pycache__", "tests", "operator")
LOADED = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?([^\">\s]+)"
    r"|<link\b[^>]*rel=\"?(?:stylesheet|preload|preconnect|icon)[^>]*href=\"?([^\">\s]+)"
    r"|(?:url\(|@import )[\"']?([^\"')\s]+)"
)
SPOILS = {
    "no-such-page.md": ("docs/glossary.md", "[x](how-to/no-such-page.md)"),
    "#no-such-heading": ("docs/glossary.md", "[x](README.md#no-such-heading)"),
    "no-such-neighbour.yaml": ("docs/glossary.md", "[x](../no-such-neighbour.yaml)"),
    "repository/examples": ("docs/how-to/doctor.md", "[x](../../examples/)"),
    "from-beside.md": ("README.md", "[x](docs/from-beside.md)"),
    "in-no-menu.md": ("docs/how-to/in-no-menu.md", "`[x](never.md)` is no link"),
}
"""Page and text of what leads nowhere, by what a warning names."""
ELSEWHERE = re.compile(r"^(?:https?:)?//")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the repository, or of the repository itself."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def spoiled(
    tmp_path_factory: pytest.TempPathFactory,
) -> subprocess.CompletedProcess[str]:
    """Return the report about a copy of the repository with a broken link."""
    folder = tmp_path_factory.mktemp("spoiled")
    root = shutil.copytree(ROOT, folder / "copy", ignore=NOT_COPIED)
    for page, text in SPOILS.values():
        with (root / page).open("a") as file:
            file.write(f"\n{text}\n")
    return build(root, folder / "site")


def html_of(page: Path) -> str:
    """Return the path of a page in the site."""
    path = page.relative_to(ROOT)
    inside = path.parts[0] == "docs"
    path = path.relative_to("docs") if inside else Path("repository", path)
    return str(path.with_suffix(".html")).replace("README.html", "index.html")


def test_every_page_is_in_the_site(site: Path) -> None:
    missing = [p for p in doc_pages.pages() if not (site / html_of(p)).exists()]

    assert missing == []


def test_site_loads_no_external_files(site: Path) -> None:
    """No font, script, style or picture of another host."""
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    loaded = {
        target
        for file in files
        for groups in LOADED.findall(file.read_text())
        for target in groups
        if target
    }

    assert any(target.endswith(".js") for target in loaded)
    assert [target for target in loaded if ELSEWHERE.match(target)] == []


def test_site_contains_no_programs(site: Path) -> None:
    assert list(site.rglob("*.py")) == []


def test_link_to_a_file_outside_docs_works_in_the_site(site: Path) -> None:
    page = (site / "how-to/self-service.html").read_text()
    (link,) = set(re.findall(r"href=\"?([^\">\s]*roles\.yaml)", page))

    roles = (site / "how-to" / link).resolve()
    assert roles.read_text() == (ROOT / "examples/roles.yaml").read_text()


@pytest.mark.parametrize("culprit", SPOILS)
def test_broken_link_is_reported_and_fails(
    spoiled: subprocess.CompletedProcess[str], culprit: str
) -> None:
    said = re.split(r"^(?=\w+ +-)", spoiled.stderr, flags=re.MULTILINE)

    assert spoiled.returncode != 0
    assert any(one.startswith("WARNING") and culprit in one for one in said)


def test_valid_link_is_not_reported(
    spoiled: subprocess.CompletedProcess[str],
) -> None:
    """Text in code that looks like a link is none."""
    assert spoiled.stderr.count("WARNING") == len(SPOILS)
