"""Requesters and approvers, verified by the admission policies.

Both admission policies are installed here, and asked by people, service accounts and
admins.
"""

from typing import Any

import pytest

from controlplane import ControlPlane
from support import admission_objects
from support.admission_objects import (
    ALICE,
    ALICE_SAYS,
    MAKE,
    Asker,
    nameless,
    said,
    who,
)

MANY = tuple(f"team-{number:03}-of-a-large-company" for number in range(200))
ODD = 'oidc:zoë "the cat" o\'hara\\ 山田'


def identity(**changed: Any) -> dict[str, Any]:
    return {**ALICE, **changed}


FORGED = [
    pytest.param(identity(username="bob"), id="another name"),
    pytest.param(identity(username="Alice"), id="another case"),
    pytest.param(identity(groups=[*ALICE["groups"], "approvers"]), id="a group more"),
    pytest.param(identity(groups=ALICE["groups"][:1]), id="a group less"),
    pytest.param(identity(groups=[]), id="no groups"),
    pytest.param({"username": "alice"}, id="nothing about groups"),
    pytest.param(
        {"username": "bob", "groups": ["approvers", "system:authenticated"]},
        id="all of another person",
    ),
]


@pytest.mark.parametrize("forged", FORGED)
def test_forged_creator_is_rejected(
    alice: Asker, field: str, forged: dict[str, Any]
) -> None:
    """The message has the correct value as YAML."""
    body = MAKE[field]("forged", **{field: forged})
    refusal = alice.refused("create", "-f", "-", body=body)

    assert f"'argogrant-{field}'" in refusal
    assert f"spec.{field} is not the user who creates the Access" in refusal
    assert admission_objects.what_to_write(refusal) == {field: ALICE}


def test_admin_is_also_verified(checked: ControlPlane, field: str) -> None:
    """system:masters bypasses RBAC, but no admission policy."""
    admin = who(checked, "admin")
    body = MAKE[field]("forged", **{field: ALICE})
    refusal = admin.refused("create", "-f", "-", body=body)
    made = admin.create(MAKE[field]("by-admin"))

    assert admission_objects.what_to_write(refusal)[field]["username"] == "admin"
    assert said(made, field) == ("admin", {"system:masters", "system:authenticated"})


def test_order_of_groups_is_ignored(alice: Asker, field: str) -> None:
    turned = identity(groups=ALICE["groups"][::-1])
    made = alice.create(MAKE[field]("turned", **{field: turned}))
    alice.kubectl("replace", "-f", "-", body=MAKE[field]("turned", **{field: ALICE}))

    assert said(made, field) == ALICE_SAYS


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        pytest.param("many", MANY, id="200 groups"),
        pytest.param(ODD, ("a 'group' of \"friends\"", "größe"), id="odd characters"),
        pytest.param("repeated", ("twice", "twice"), id="a group that is sent twice"),
        pytest.param("u" * 512, ("g" * 512,), id="the longest names"),
    ],
)
def test_unusual_users_are_recorded_exactly(
    checked: ControlPlane, field: str, user: str, groups: tuple[str, ...]
) -> None:
    person = who(checked, user, groups)
    filled_in = person.create(nameless("unusual-", field))
    own = filled_in["spec"][field]
    by_hand = person.create(nameless("unusual-", field, **{field: own}))
    fewer = {**own, "groups": own["groups"][1:]}
    person.refused("create", "-f", "-", body=nameless("un-", field, **{field: fewer}))

    assert said(by_hand, field) == (user, {*groups, "system:authenticated"})
