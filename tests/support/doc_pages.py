"""Fenced blocks, commands, tables and links of the documentation."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
OUR_GROUP = "argogrant.dev/"
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^(\w*)\$ ", re.MULTILINE)
"""Prompt: ``$``, or the name of a user and ``$``."""
INLINE_CODE = re.compile(r"(?<!\[)`[^`\n]*`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Fenced block of a Markdown file."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return all Markdown files of the documentation."""
    return sorted(
        [
            *ROOT.glob("*.md"),
            *(ROOT / "docs").rglob("*.md"),
            *EXAMPLES.rglob("*.md"),
        ]
    )


def blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks in these languages, of all pages."""
    return [
        block
        for path in pages()
        for block in blocks_of(path, path.read_text())
        if block.language in languages
    ]


def blocks_of(path: Path, text: str) -> Iterator[Block]:
    for match in FENCED.finditer(text):
        yield Block(
            path=path,
            line=text.count("\n", 0, match.start()) + 1,
            language=match.group(1),
            text=textwrap.dedent(match.group(2)),
        )


def our_objects() -> list[tuple[str, dict[str, Any]]]:
    """Return all objects of our kinds on the pages, with their places."""
    return [
        (block.place, body)
        for block in blocks("yaml")
        for body in yaml.safe_load_all(block.text)
        if is_ours(body)
    ]


def is_ours(body: Any) -> bool:
    return isinstance(body, dict) and str(body.get("apiVersion")).startswith(OUR_GROUP)


def commands() -> list[tuple[str, str]]:
    """Return all commands on the pages, with their places.

    In a block with output, commands are the lines after a prompt. A pipe joins several
    commands.
    """
    return [
        (block.place, command)
        for block in blocks("console", "bash", "sh", "shell")
        for command in commands_of(block)
    ]


def commands_of(block: Block) -> Iterator[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    asked = [PROMPT.sub("", line) for line in lines if PROMPT.match(line)]
    for line in asked or lines:
        for part in re.sub(r"\s#.*", "", line).split(" | "):
            command = part.strip()
            if command and not command.startswith("#"):
                yield command


def links() -> list[tuple[str, Path, str]]:
    """Return links into the repository: page, file, and heading or ''."""
    found = []
    for page in pages():
        text = INLINE_CODE.sub("", FENCED.sub("", page.read_text()))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            name, _, heading = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            found.append((f"{page.relative_to(ROOT)} → {target}", file, heading))
    return found


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub builds them."""
    text = FENCED.sub("", page.read_text())
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def tables() -> list[tuple[str, str, list[dict[str, str]]]]:
    """Return the output tables of ``kubectl get``: place, command, rows."""
    found = []
    for block in blocks("console"):
        first, _, answer = block.text.partition("\n")
        if first.startswith("$ kubectl") and answer.startswith("NAME "):
            found.append((block.place, first[2:], rows_of(answer)))
    return found


def rows_of(table: str) -> list[dict[str, str]]:
    """Parse output of ``kubectl get``; columns begin where their headings begin."""
    head, *lines = table.rstrip("\n").split("\n")
    titles = list(re.finditer(r"\S+( \S+)*", head))
    ends = [title.start() for title in titles[1:]] + [None]
    return [
        {
            title.group(): line[title.start() : end].strip()
            for title, end in zip(titles, ends, strict=True)
        }
        for line in lines
    ]


def example(folder: str, **times: str) -> dict[str, Any]:
    """Return the grant of an example, with other times."""
    body: dict[str, Any] = yaml.safe_load(
        (EXAMPLES / folder / "grant.yaml").read_text()
    )
    body["spec"] |= times
    return body
