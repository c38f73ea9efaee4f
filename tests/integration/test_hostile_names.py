"""Every name is hostile: it is refused, or binds exactly that string.

After all of them argocd-server still answers for everyone else, and an account without
grants still gets no.
"""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from controlplane.errors import APIRequestFailed
from support import operator_process
from support.live_cluster import RULES, World, a_grant, eventually

TEXT = f"{RULES}p, readers, applications, get, */*, allow\ng, devs, team-leads\n"

REFUSED = {
    "empty": "",
    "a blank": " ",
    "a tab": "\t",
    "no-break space": "\u00a0",
    "ideographic space": "\u3000",
    "padded before": " alice",
    "padded behind": "alice ",
    "no-break space inside": "al\u00a0ice",
    "en quad inside": "al\u2000ice",
    "newline": "alice\ng, mallory, role:admin",
    "carriage return": "alice\rg, mallory, role:admin",
    "tab inside": "al\tice",
    "NUL": "al\u0000ice",
    "vertical tab": "al\u000bice",
    "form feed": "al\u000cice",
    "file separator": "al\u001cice",
    "next line": "al\u0085ice",
    "delete": "al\u007fice",
    "line separator": "al\u2028ice",
    "paragraph separator": "al\u2029ice",
    "zero-width space": "al\u200bice",
    "zero-width joiner": "al\u200dice",
    "word joiner": "al\u2060ice",
    "byte order mark": "\ufeffalice",
    "soft hyphen": "al\u00adice",
    "right-to-left mark": "al\u200fice",
    "right-to-left override": "al\u202eice",
    "isolate": "al\u2066ice",
    "private use": "al\ue000ice",
    "tag character": "al\U000e0041ice",
    "Hangul filler": "al\u3164ice",
    "half-width filler": "al\uffa0ice",
    "Braille blank": "\u2800",
    "variation selector": "alice\ufe0f",
    "combining grapheme joiner": "al\u034fice",
    "interlinear annotation": "al\ufff9ice",
    "unassigned": "al\u0378ice",
    "not in normal form C": unicodedata.normalize("NFD", "Andr\u00e9"),
    "Angstrom sign": "\u212bngstrom",
    "a global role": "role:admin",
    "any role": "role:",
    "a glob of roles": "role:*",
    "a project's role": "proj:team-a:deployer",
    "a glob of projects": "proj:*:*",
    "the administrator": "admin",
    "the default role": "readers",
    "a right-hand side": "team-leads",
    "257 characters": "a" * 257,
}

BOUND = {
    "comma": "a,b",
    "quote": 'a"b',
    "quotes around": '"a"',
    "only a quote": '"',
    "quotes and commas": 'a","b',
    "distinguished name": "CN=ops,OU=it,DC=example,DC=com",
    "number sign": "#x",
    "apostrophe": "o'brien",
    "backslash": "DOMAIN\\alice",
    "backslash n": "a\\nb",
    "blank inside": "Ops Team",
    "star": "*",
    "upper case admin": "Admin",
    "upper case role": "Role:admin",
    "p": "p",
    "g line": "g, x, role:admin",
    "percent": "100%s%d",
    "dollar": "${HOME}$(id)",
    "markup": "<script>alert(1)</script>",
    "json": '{"a":1}',
    "yaml": "a: b",
    "true": "true",
    "null": "null",
    "number": "12345",
    "accents": "Andr\u00e9",
    "Chinese": "\u7ba1\u7406\u5458",
    "emoji": "\U0001f680",
    "mail": "alice@example.com",
    "slashes": "org/team/../x",
    "256 characters": "b" * 256,
    "semicolons": "a;b--",
}


@pytest.fixture(scope="module")
def world(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    installed.argocd.set_rbac({"policy.csv": TEXT, "policy.default": "readers"})
    log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
    with operator_process.running(installed, log):
        yield World(installed)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def may_sync_as(world: World, group: str) -> bool:
    """Ask for an account without grants whose token carries this SSO group."""
    return world.plane.argocd.can_i(
        "nobody", "applications", "sync", "team-a/shop", groups=[group]
    )


def refusal(world: World, grant: dict[str, Any]) -> str | None:
    """Create a grant; return the API server's message if it refuses."""
    try:
        world.apply(grant)
    except APIRequestFailed as error:
        return str(error)
    return None


def others_are_as_before(world: World) -> bool:
    return world.may_sync("bob") and not world.may_sync("nobody")


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(world: World, name: str) -> None:
    grant = a_grant("hostile", subject=name)
    asked = name if name and "\x00" not in name else "some-team"
    before = may_sync_as(world, asked)  # Argo CD itself obeys groups named like roles
    said = refusal(world, grant)
    if said is None:
        eventually(lambda: world.ready("hostile")[1] == "SubjectRefused", within=30)
        said = world.ready("hostile")[2]
        world.delete("hostile")

    assert "spec.subject.name" in said
    assert others_are_as_before(world)
    assert may_sync_as(world, asked) is before


@pytest.fixture(scope="module")
def all_bound(world: World) -> Iterator[World]:
    """Grants of every name that can be bound, at the same time.

    Before them Argo CD allows none of the names anything, and after them again.
    """
    assert [name for name in BOUND.values() if may_sync_as(world, name)] == []
    grants = {f"odd-{number}": name for number, name in enumerate(BOUND.values())}
    world.apply(*(a_grant(grant, subject=name) for grant, name in grants.items()))
    world.wait_until_bound(*grants)
    eventually(
        lambda: all(may_sync_as(world, one) for one in BOUND.values()), within=30
    )
    yield world
    world.delete(*grants)
    world.plane.argocd.settle()
    assert [name for name in BOUND.values() if may_sync_as(world, name)] == []


@pytest.mark.parametrize("name", BOUND.values(), ids=BOUND.keys())
def test_name_is_bound_as_exactly_that_string(all_bound: World, name: str) -> None:
    assert may_sync_as(all_bound, name)
    assert not may_sync_as(all_bound, name + "x")
    assert f"{name}x" not in BOUND.values()


def test_every_other_account_keeps_its_access(all_bound: World) -> None:
    assert others_are_as_before(all_bound)


@pytest.mark.parametrize(
    "role",
    [
        *("", " ", "role:deployer ", "role:\ndeployer", "role:de\u200bployer"),
        *("proj:a:b", "role:" + "x" * 256, 'role:"', "role:a,b", "role:none", "*"),
    ],
    ids=ascii,
)
def test_a_hostile_role_gives_nothing(world: World, role: str) -> None:
    grant = a_grant("odd-role", subject="carol", role={"name": role})
    said = refusal(world, grant)
    if said is not None:
        assert "spec.role" in said
        return
    eventually(lambda: world.ready("odd-role")[1] == "RoleNotFound", within=30)
    assert not world.may_sync("carol")
    assert others_are_as_before(world)
    world.delete("odd-role")
