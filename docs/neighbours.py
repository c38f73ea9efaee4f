"""Bring what pages link to beside ``docs/`` into the site, and turn the links.

On GitHub a page may link to any file of the repository, ``../README.md`` for instance.
The site has only what is in ``docs/``. So whatever a page links to is put into the
site's folder ``repository/``, pages as pages and files as they are, and the links of
all pages are turned to it. MkDocs then checks them like any other.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS: Final = "docs/"
NEIGHBOURS: Final = "repository/"
LINK: Final = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)((?:#[^)\s]*)?)(?=\))")
CODE: Final = re.compile(
    r"^ *```.*?^ *```$|`(?:[^`\n]|\n(?!\n))+`", re.MULTILINE | re.DOTALL
)
"""Fenced blocks, and code within a line: what looks like a link there is none."""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add every file beside ``docs/`` that a page leads to, directly or by another."""
    root = Path(config.config_file_path).parent
    pages = [file.src_uri for file in files.documentation_pages()]
    waiting = [in_repository(uri) for uri in pages]
    known = set(waiting)
    while waiting:
        page = waiting.pop()
        for target in sorted(set(targets(page, (root / page).read_text())) - known):
            known.add(target)
            if is_neighbour(target) and (root / target).is_file():
                files.append(neighbour(root, target, config))
                waiting += [target] if target.endswith(".md") else []
    return files


def on_page_markdown(
    markdown: str, *, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Turn the links of one page from where files are to where they are in the site."""
    del config, files
    return turned(in_repository(page.file.src_uri), markdown)


def in_repository(uri: str) -> str:
    """Where a page of the site is in the repository."""
    is_copy = uri.startswith(NEIGHBOURS)
    return uri.removeprefix(NEIGHBOURS) if is_copy else DOCS + uri


def in_site(path: str) -> str:
    """Where a file of the repository is in the site."""
    return NEIGHBOURS + path if is_neighbour(path) else path.removeprefix(DOCS)


def is_neighbour(path: str) -> bool:
    """Whether a file of the repository lies beside ``docs/``, not in it."""
    return not path.startswith((DOCS, "../"))


def targets(page: str, markdown: str) -> Iterator[str]:
    """Every file of the repository that a page links to."""
    for match in LINK.finditer(CODE.sub("", markdown)):
        yield resolved(page, match[1])


def turned(page: str, markdown: str) -> str:
    """Rewrite the links of a page of the repository for its place in the site."""
    folder = posixpath.dirname(in_site(page))

    def turn(link: re.Match[str]) -> str:
        target = in_site(resolved(page, link[1]))
        return posixpath.relpath(target, folder or ".") + link[2]

    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [LINK.sub(turn, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, LINK.sub(turn, markdown[end:])])


def resolved(page: str, link: str) -> str:
    """Name the file that a link of a page means, from the repository's root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def neighbour(root: Path, path: str, config: MkDocsConfig) -> File:
    """Make a file of the site from one of the repository."""
    return File.generated(config, in_site(path), abs_src_path=str(root / path))
