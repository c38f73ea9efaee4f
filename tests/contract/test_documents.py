"""Commands, files, links, terms and permissions that the documentation names."""

import os
import re
import shlex
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from argogrant.api.crd import KINDS
from argogrant.grants.model.reasons import Reason
from controlplane import helm, programs
from support import doc_pages

ROOT = doc_pages.ROOT
README = (ROOT / "README.md").read_text()
COMMANDS = doc_pages.commands()
TARGETS = {
    target
    for rule in re.findall(
        r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    for target in rule.split()
}
BUILT = programs.bin_folder()
CREATED = {"create token": 2, "create secret": 3}
"""Words of kubectl's subcommands that have subcommands themselves."""
VALUE_FLAGS = {"-n", "-f", "-o", "-p", "--namespace"}


def words_of(command: str) -> list[str]:
    return shlex.split(command)


def is_target(words: list[str]) -> bool:
    return all(word in TARGETS for word in words[1:])


def is_subcommand(words: list[str]) -> bool:
    """Return whether the help of a program has a subcommand and its options."""
    names = subcommand_of(words)
    answer = help_of(words[0], *names)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    return bool(
        re.search(
            rf"^\s*(Usage: )?{' '.join([words[0], *names])}\b", answer, re.MULTILINE
        )
    ) and all(re.search(rf"{option}\b", answer) for option in options)


@cache
def help_of(name: str, *subcommands: str) -> str:
    """Return the help of a subcommand; results are cached."""
    folder = programs.installed("argogrant").parent if name == "argogrant" else BUILT
    program = helm.program() if name == "helm" else folder / name
    return subprocess.run(
        [program, *subcommands, "--help"],
        env={**os.environ, "COLUMNS": "200"},  # long options are cut otherwise
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def subcommand_of(words: list[str]) -> list[str]:
    """Return the leading words that are subcommands; the number varies by tool."""
    plain = [
        word
        for before, word in pairwise(words)
        if not word.startswith("-") and before not in VALUE_FLAGS
    ]
    depth = {
        "argogrant": 1,
        "kubectl": CREATED.get(" ".join(plain[:2]), 1),
        "helm": 1,
        "argocd": 3 if "proj" in plain else 2,
    }[words[0]]
    return plain[:depth]


CHECKS: dict[str, Any] = {
    "make": is_target,
    "argogrant": is_subcommand,
    "kubectl": is_subcommand,
    "argocd": is_subcommand,
    "helm": is_subcommand,
}


@pytest.mark.parametrize(
    ("place", "command"), COMMANDS, ids=[f"{p} {c}"[:70] for p, c in COMMANDS]
)
def test_documented_command_exists(place: str, command: str) -> None:
    words = words_of(command)

    assert words[0] in CHECKS, f"{place}: which program is {words[0]}?"
    assert CHECKS[words[0]](words), f"{place}: there is no such command: {command}"
    for option, value in pairwise(words):
        if option == "-f" and value != "-":
            assert (ROOT / value).exists(), f"{place}: {value} is not there"


@pytest.mark.parametrize(
    "command",
    [
        "make dinner",
        "kubectl gett pods",
        "kubectl get pods --colour=red",
        "helm instal argogrant charts/argogrant",
        "argocd account may-i sync applications shop",
        "argogrant operate --namespace argogrant",
        "argogrant operator --namespace argogrant --speed=high",
    ],
)
def test_missing_command_is_detected(command: str) -> None:
    words = words_of(command)

    assert not CHECKS[words[0]](words)


@pytest.mark.parametrize("page", doc_pages.pages(), ids=lambda page: page.name)
def test_make_target_in_a_sentence_exists(page: Path) -> None:
    assert set(re.findall(r"`make ([\w-]+)`", page.read_text())) <= TARGETS


def test_documentation_has_commands() -> None:
    """The tests above would pass on nothing."""
    assert {words_of(command)[0] for _, command in COMMANDS} == set(CHECKS)
    for target in ("demo", "test"):
        assert f"make {target}" in README


@pytest.mark.parametrize(
    ("place", "file", "heading"),
    doc_pages.links(),
    ids=[place for place, _, _ in doc_pages.links()],
)
def test_link_target_exists(place: str, file: Path, heading: str) -> None:
    assert file.exists(), place
    if heading:
        assert heading in doc_pages.headings(file), place


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").resolve()
    linked = {
        file for place, file, _ in doc_pages.links() if place.startswith("docs/README")
    }
    wanted = {
        page.resolve()
        for page in doc_pages.pages()
        if page.is_relative_to(ROOT / "docs") or page.is_relative_to(ROOT / "examples")
    }

    assert wanted - {index} <= linked


def test_page_named_in_the_code_exists() -> None:
    named = {
        page
        for source in (ROOT / "operator").rglob("*.py")
        for page in re.findall(
            r"(?<!argo-cd, ``)\b(?:docs|manifests)/[\w/-]+\.\w+", source.read_text()
        )
    }

    assert "docs/how-to/contested.md" in named
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []


def test_every_kind_is_in_the_readme() -> None:
    shown = {
        body["kind"]
        for place, body in doc_pages.our_objects()
        if place.startswith("README.md")
    }

    assert shown == {kind.kind for kind in KINDS}


@pytest.mark.parametrize(
    ("place", "command", "rows"),
    doc_pages.tables(),
    ids=[place for place, _, _ in doc_pages.tables()],
)
def test_table_has_existing_columns_and_reasons(
    place: str, command: str, rows: list[dict[str, str]]
) -> None:
    (kind,) = [kind for kind in KINDS if kind.plural in words_of(command)]
    wide = "wide" in words_of(command)
    narrow = [title for title, _, when in kind.columns if not when]
    extra = [title for title, _, when in kind.columns if when and wide]
    columns = ["Name", *narrow, "Age", *extra]

    for row in rows:
        assert list(row) == [title.upper() for title in columns], place
        assert row["REASON"] in set(Reason), place


def test_documentation_has_tables() -> None:
    assert len(doc_pages.tables()) >= 2


def rights() -> list[tuple[str, str, str]]:
    """Return every permission of the manifests, as Role, resources and verbs."""
    return [
        (
            manifest.stem,
            ", ".join(
                f"`{one}`" for one in rule.get("resourceNames", rule["resources"])
            ),
            ", ".join(rule["verbs"]),
        )
        for manifest in sorted((ROOT / "manifests").glob("*.yaml"))
        for body in yaml.safe_load_all(manifest.read_text())
        if body["kind"] in {"Role", "ClusterRole"}
        for rule in body["rules"]
    ]


@pytest.mark.parametrize(
    ("manifest", "what", "verbs"),
    rights(),
    ids=[f"{manifest}: {what}" for manifest, what, _ in rights()],
)
def test_security_model_lists_every_permission_of_the_operator(
    manifest: str, what: str, verbs: str
) -> None:
    text = (ROOT / "docs/explanation/security-model.md").read_text()
    found = [
        line for line in text.splitlines() if what in line and f"| {verbs} |" in line
    ]

    assert found, f"{manifest}: {verbs} on {what} is not on the page"


def test_manifests_have_permissions() -> None:
    assert len(rights()) >= 4
