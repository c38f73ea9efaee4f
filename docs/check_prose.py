"""Prose gate: the language of the package, the documentation and new commits.

Usage: ``python docs/check_prose.py [PATH …]``. Without a path it checks everything that
people read; with paths it checks these files and folders only. It counts words that no
documentation of Kubernetes uses for technical acts, a thousand words at a time, and
refuses a few forms altogether. CONTRIBUTING.md says what to write instead.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
LIMIT: Final = 1.5
"""Dialect words in a thousand words, in each kind of text."""
FIRST_COMMIT: Final = "73d9017"
"""Titles of later commits are checked."""
DIALECT: Final = re.compile(
    r"\b(nobody|somebody|whoever|everybody|whatever|anew|mend\w*|beside|so that"
    r"|as a rule|by itself|all the same|is so|of ours|told|tells|is said|be said)\b",
    re.IGNORECASE,
)
REFUSED: Final = {
    re.compile(r"\bcan not\b", re.IGNORECASE): 'write "cannot"',
    re.compile(r"\b(he|his|him)\b", re.IGNORECASE): 'write "they" or name the role',
}
OPENINGS: Final = re.compile(r"(Say|Tell|Give|What|Whether|Who)\b")
WORD: Final = re.compile(r"[A-Za-z][A-Za-z'-]*")


class Text(NamedTuple):
    """One piece of prose and where it stands."""

    kind: str
    place: str
    text: str


def main(arguments: Iterable[str]) -> int:
    """Check the texts and print what has to change; return the exit status."""
    paths = [ROOT / one for one in arguments]
    texts = list(texts_of(paths or [ROOT / "operator", *documents()]))
    if not paths:
        texts += commit_titles()
    problems = [*refused(texts), *above_the_limit(texts)]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


def documents() -> list[Path]:
    """Return every page, and the comments of the chart, that the project ships."""
    pages = (ROOT / "docs").rglob("*.md")
    examples = (ROOT / "examples").rglob("*.md")
    roots = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
    return [*roots, *sorted(pages), *sorted(examples), ROOT / "charts/argogrant"]


def texts_of(paths: Iterable[Path]) -> Iterator[Text]:
    """Read the prose of files and of all files in folders."""
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            place = str(file.relative_to(ROOT))
            if file.suffix == ".py":
                yield from texts_of_module(file.read_text(), place)
            elif file.suffix == ".md":
                yield Text("documentation", place, without_code(file.read_text()))
            elif file.name in {"values.yaml", "NOTES.txt"}:
                yield Text("documentation", place, file.read_text())


def without_code(page: str) -> str:
    """Return a page without its fenced blocks, code spans, comments and links."""
    page = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`|<!--.*?-->|\]\([^)]*\)", " ", page, flags=re.DOTALL)


def texts_of_module(source: str, place: str) -> Iterator[Text]:
    """Read docstrings, comments and messages of one module."""
    tree = ast.parse(source)
    documented = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else ():
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                documented.add(one.value)
                yield from docstring(one.value, place)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in documented and " " in node.value.strip():
            yield Text("messages", f"{place}:{node.lineno}", node.value)
    for number, line in enumerate(source.split("\n"), 1):
        comment = re.search(r"(?:^|\s)# (.+)", line)
        if comment and not comment[1].startswith(("noqa", "type:")):
            yield Text("comments", f"{place}:{number}", comment[1])


def docstring(node: ast.Constant, place: str) -> Iterator[Text]:
    """Return a docstring, without its code."""
    if isinstance(node.value, str):
        text = re.sub(r"``[^`]*``", " ", node.value)
        yield Text("docstrings", f"{place}:{node.lineno}", text.strip())


def commit_titles() -> Iterator[Text]:
    """Return the titles of new commits, none where the history is not there."""
    log = subprocess.run(  # noqa: S603
        ["git", "log", "--format=%h %s", f"{FIRST_COMMIT}..HEAD"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in log.stdout.splitlines():
        commit, _, title = line.partition(" ")
        yield Text("commit titles", f"commit {commit}", title)


def refused(texts: Iterable[Text]) -> Iterator[str]:
    """Find the forms that are refused wherever they stand."""
    for one in texts:
        if one.kind == "docstrings" and OPENINGS.match(one.text):
            opening = one.text.split()[0]
            yield f"{one.place}: a docstring begins with {opening!r}: use an imperative"
        for pattern, remedy in REFUSED.items():
            for found in pattern.finditer(one.text):
                yield f"{one.place}: {found[0]!r}: {remedy}"


def above_the_limit(texts: Iterable[Text]) -> Iterator[str]:
    """Find the kinds of text with too much dialect, with every place of it."""
    words: dict[str, int] = {}
    places: dict[str, list[str]] = {}
    for one in texts:
        words[one.kind] = words.get(one.kind, 0) + len(WORD.findall(one.text))
        found = [match[0] for match in DIALECT.finditer(one.text)]
        places.setdefault(one.kind, []).extend(f"{one.place}: {it!r}" for it in found)
    for kind, found in places.items():
        rate = 1000 * len(found) / max(words[kind], 1)
        if rate > LIMIT:
            yield from found
            yield f"{kind}: {rate:.1f} of 1,000 words (at most {LIMIT})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
