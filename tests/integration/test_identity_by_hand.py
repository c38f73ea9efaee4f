"""Manifests in which users write requester and approver themselves."""

from collections.abc import Iterator
from typing import Any

import pytest

from argogrant.api.admission_policies import VALIDATING_FILE
from controlplane import ControlPlane
from support import admission_objects
from support.admission_objects import ALICE_SAYS, MAKE, said, who

ODD = 'oidc:zoë "the cat" o\'hara\\ 山田'
ODD_GROUPS = ("#1: [all], {none}", "a 'group' of \"friends\"", "null", "größe")


@pytest.fixture(scope="module")
def unaided(installed: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster that can check, but not fill in."""
    with (
        admission_objects.policies(installed, VALIDATING_FILE),
        admission_objects.everybody_may_ask(installed),
    ):
        yield installed


def with_remedy(body: dict[str, Any], refusal: str) -> dict[str, Any]:
    """Do what the refusal says."""
    return {
        **body,
        "spec": {**body["spec"], **admission_objects.what_to_write(refusal)},
    }


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        pytest.param("alice", (), id="a user"),
        pytest.param("admin", (), id="an admin"),
        pytest.param(ODD, ODD_GROUPS, id="a user with unusual names"),
    ],
)
def test_rejection_contains_yaml_that_is_accepted(
    unaided: ControlPlane, field: str, user: str, groups: tuple[str, ...]
) -> None:
    """The refusal holds YAML that makes the same object pass."""
    person = who(unaided, user, groups)
    body = MAKE[field]("pasted")
    refusal = person.refused("create", "-f", "-", body=body)
    made = person.create(with_remedy(body, refusal))
    person.kubectl("delete", admission_objects.KINDS[field], "pasted")

    assert (
        f"spec.{field} is missing: it must name the user who creates the Access"
        in refusal
    )
    assert said(made, field)[0] == user
    assert said(made, field)[1] >= set(groups)


def test_rejection_with_very_many_groups_names_a_command(
    unaided: ControlPlane, field: str
) -> None:
    """A message has at most 5 KiB."""
    many = tuple(f"team-{number:03}-of-a-large-company" for number in range(200))
    person = who(unaided, "many", many)
    refusal = person.refused("create", "-f", "-", body=MAKE[field]("much"))

    assert f"spec.{field} is missing" in refusal
    assert "`kubectl auth whoami -o yaml` shows username and groups" in refusal


@pytest.mark.parametrize("options", [(), ("--server-side",)], ids=["client", "server"])
def test_manifest_with_a_creator_can_be_applied_twice(
    unaided: ControlPlane, field: str, options: tuple[str, ...]
) -> None:
    alice = who(unaided, "alice")
    body = MAKE[field](
        f"by-hand{'-'.join(options)}", **{field: admission_objects.ALICE}
    )
    first, second = (alice.apply(body, *options) for _ in range(2))

    assert said(second, field) == ALICE_SAYS
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(("apply", "--server-side", "-f", "-"), id="server-side apply"),
        pytest.param(("apply", "-f", "-"), id="client-side apply"),
        pytest.param(("replace", "-f", "-"), id="replace"),
    ],
)
def test_creator_cannot_be_removed_later(
    unaided: ControlPlane, field: str, how: tuple[str, ...]
) -> None:
    """The field is not set by the API server here, hence the change is rejected."""
    alice = who(unaided, "alice")
    name = f"left-out-{len(how)}"
    options = [option for option in how if option.startswith("--")]
    alice.apply(MAKE[field](name, **{field: admission_objects.ALICE}), *options)
    refusal = alice.refused(*how, body=MAKE[field](name))

    assert "is immutable" in refusal
    assert said(alice.get(admission_objects.KINDS[field], name), field) == ALICE_SAYS
