"""What Argo CD has from argogrant, read from what is written alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.project import ProjectRole
from argogrant.argocd.managed_access import access_of_key, access_of_project
from argogrant.argocd.overlay import render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.grants.model.grant import Binding
from support.appprojects import ALICE, END, US, a_project, with_alice
from support.builders import NOON, SECOND

HEADER = "# argogrant v1 argogrant/default 0d5a1710-b5a0-4086-aceb-7f10895f63ff\n"
UNTIL = "# until 2026-11-24T12:00:00Z\n"
LATER = "# until 2026-11-24T13:00:00Z\n"
DANA = "g, dana@example.com, role:deployer\n"
BINDING = Binding("dana@example.com", "role:deployer")


def key(text: str):
    return access_of_key("argocd", {OVERLAY_KEY: text, "policy.csv": "g, x, role:y"})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty key"),
        pytest.param(HEADER, id="only the first line"),
        pytest.param(f"{HEADER}{UNTIL}\n# g, dana, role:deployer\n", id="comments"),
    ],
)
def test_key_gives_nothing_with(text) -> None:
    assert key(text) is None


def test_missing_key_gives_nothing() -> None:
    assert access_of_key("argocd", {"policy.csv": "g, x, role:y"}) is None


@pytest.mark.parametrize(
    ("text", "owner", "end"),
    [
        pytest.param(HEADER + UNTIL + DANA, "argogrant", NOON, id="as it is written"),
        pytest.param(UNTIL + DANA, None, NOON, id="a key without the first line"),
        pytest.param(
            "# argogrant v2 a/b c\n" + UNTIL + DANA, None, NOON, id="another version"
        ),
        pytest.param(
            "# argogrant v1 a b/c/d\n" + UNTIL + DANA, None, NOON, id="a broken owner"
        ),
        pytest.param(HEADER + DANA, "argogrant", None, id="a line before any section"),
        pytest.param(
            HEADER + "# until tomorrow\n" + DANA, "argogrant", None, id="a broken end"
        ),
        pytest.param(
            HEADER + "# until \n" + DANA, "argogrant", None, id="a section without end"
        ),
        pytest.param(
            HEADER + "# until 2026-02-30T00:00:00Z\n" + DANA,
            "argogrant",
            None,
            id="a day that does not exist",
        ),
        pytest.param(
            HEADER + LATER + DANA + UNTIL + DANA,
            "argogrant",
            END,
            id="a line twice, the later end first",
        ),
        pytest.param(
            HEADER + UNTIL + DANA + LATER + DANA,
            "argogrant",
            END,
            id="a line twice, the later end last",
        ),
        pytest.param(
            HEADER + DANA + UNTIL + DANA,
            "argogrant",
            None,
            id="a line with and without",
        ),
        pytest.param(
            (HEADER + UNTIL + DANA).replace("\n", "\r\n"),
            "argogrant",
            NOON,
            id="line ends of Windows",
        ),
    ],
)
def test_owner_and_end_of_a_key_are_read_or_unknown(text, owner, end) -> None:
    access = key(text)

    assert access.ends == {BINDING: end}
    assert (access.owner.namespace if access.owner else None) == owner
    assert access.place == "argocd/argocd-rbac-cm"


@pytest.mark.parametrize(
    "line", ["p, dana, applications, delete, */*, allow", "g, dana", "nonsense"]
)
def test_foreign_line_of_the_key_is_a_problem_without_a_binding(line) -> None:
    access = key(f"{HEADER}{line}\n")

    assert access.ends == {}
    assert "lines that argogrant does not write" in access.problem


def test_window_is_half_open() -> None:
    access = key(HEADER + UNTIL + DANA)

    assert access.ended(NOON - SECOND) == set()
    assert access.ended(NOON) == {BINDING}
    assert access.without_end() == set()


def test_binding_without_end_is_never_ended() -> None:
    access = key(HEADER + DANA)

    assert access.ended(NOON + timedelta(days=9999)) == set()
    assert access.without_end() == {BINDING}


def test_description_is_one_line_of_the_first_bindings_by_their_end() -> None:
    lines = "".join(f"g, u{n}, role:deployer\n" for n in range(5))
    access = key(f"{HEADER}# until 2030-01-01T00:00:00Z\n{lines}{UNTIL}{DANA}")

    assert access.describe(access.ends) == (
        '"dana@example.com" has "role:deployer" until 2026-11-24T12:00:00Z,'
        ' "u0" has "role:deployer" until 2030-01-01T00:00:00Z,'
        ' "u1" has "role:deployer" until 2030-01-01T00:00:00Z and 3 more'
    )
    assert key(HEADER + DANA).describe([BINDING]) == (
        '"dana@example.com" has "role:deployer"'
    )


def test_owner_is_named() -> None:
    assert key(HEADER + DANA).owner_name == "ArgoCDInstance argogrant/default"
    assert key(DANA).owner_name == "an unknown ArgoCDInstance"


def test_members_of_a_project_have_the_ends_of_the_annotation() -> None:
    access = access_of_project("argocd", with_alice("ops"))

    assert access.ends == {ALICE: END}
    assert access.owner == US
    assert access.place == "AppProject argocd/team-a"


def test_member_of_a_role_that_was_renamed_during_its_grant_has_its_end() -> None:
    renamed = (ProjectRole(name="releaser", groups=("alice",)),)
    access = access_of_project("argocd", replace(with_alice("ops"), roles=renamed))

    assert access.ends == {ALICE._replace(role="proj:team-a:releaser"): END}
    assert access.owner == US


@pytest.mark.parametrize(
    "project",
    [
        pytest.param(a_project("alice"), id="no annotation"),
        pytest.param(
            replace(
                with_alice(), roles=(ProjectRole(name="viewer", groups=("alice",)),)
            ),
            id="a member of another role that existed before",
        ),
        pytest.param(
            replace(with_alice(), roles=(ProjectRole(name="deployer"),)),
            id="a recorded member that is no member any more",
        ),
    ],
)
def test_project_gives_nothing_with(project) -> None:
    assert access_of_project("argocd", project) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[", '{"version": 2}', "[" * 100_000, "x" * 300_000]
)
def test_annotation_that_cannot_be_read_is_a_problem(text) -> None:
    access = access_of_project("argocd", a_project("alice", members=text))

    assert access.ends == {}
    assert access.owner is None
    assert "argogrant.dev/members cannot be read" in access.problem


@given(st.text(max_size=200))
def test_every_text_of_the_key_is_read(text: str) -> None:
    access = key(text)

    assert access is None or access.describe(access.ends).isprintable()


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.dates()))
def test_what_the_operator_writes_is_read_completely(subjects) -> None:
    ends = {
        Binding(subject, "role:deployer"): NOON + timedelta(days=end.day)
        for subject, end in subjects.items()
    }
    access = key(render_overlay(US, ends))

    assert (dict(access.ends) if access else {}) == ends
