"""Parsing of ArgoCDInstances, and their status."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from argogrant.api.argocdinstance import (
    MAX_ROLES_SHOWN,
    ArgoCDInstanceSpec,
    ArgoCDInstanceStatus,
    InstanceReport,
    instance_status,
    read_instance,
    view_returned,
)
from argogrant.argocd.appproject.ended_members import ReturnedMember
from argogrant.argocd.roles import DiscoveredRole
from argogrant.grants.access.policy import Owners
from argogrant.grants.conditions import Condition
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.reasons import InstanceCondition, Reason
from support.builders import HOUR, NOON, a_group

READY = Condition(
    type=InstanceCondition.READY, status=True, reason=Reason.CONVERGED, message="Well."
)
PLATFORM = IdentityPattern(kind=IdentityKind.GROUP, name="platform")
DEPLOYER = DiscoveredRole(project="team-a", name="deployer", description="d" * 300)


def a_body(spec: Any, **metadata: Any) -> dict[str, Any]:
    stamped = {"uid": "u1", "namespace": "argogrant", "name": "default"}
    return {"metadata": {**stamped, **metadata}, "spec": spec}


@pytest.mark.parametrize(
    "spec", [pytest.param(None, id="no spec"), pytest.param({}, id="an empty spec")]
)
def test_every_field_has_a_default(spec) -> None:
    instance = read_instance(a_body(spec))

    assert instance.argocd_namespace == "argocd"
    assert instance.max_duration == 24 * HOUR
    assert not instance.being_deleted
    assert not instance.requires_access_policy
    assert (instance.strip_prefix, instance.integration_owners) == ("", ())
    assert (instance.resource_owner_key, instance.resource_owner_kind) == ("", None)
    assert instance.cluster is None
    assert (instance.url, instance.access_details) == ("", "")
    assert not instance.binds_in_projects
    assert instance.retention == timedelta(days=30)


def test_all_fields_are_parsed() -> None:
    spec = {
        "namespace": "argo",
        "maxDuration": "90m",
        "requireAccessPolicy": True,
        "owners": {
            "integration": [{"kind": "Group", "name": "platform"}],
            "resource": {"key": "example.com/owner", "kind": "User"},
        },
        "identity": {"stripPrefix": "oidc:"},
        "url": "https://argocd.example.com",
        "bindProjectRolesIn": "AppProject",
        "accessDetails": "Log in at {url}.",
        "retention": "1h",
    }
    gone = a_body(spec, deletionTimestamp="2026-11-24T12:00:00Z")
    instance = read_instance(gone)

    assert instance.argocd_namespace == "argo"
    assert instance.max_duration == 1.5 * HOUR
    assert instance.being_deleted
    assert instance.requires_access_policy
    assert instance.strip_prefix == "oidc:"
    assert instance.integration_owners == (PLATFORM,)
    assert instance.resource_owner_key == "example.com/owner"
    assert instance.resource_owner_kind is IdentityKind.USER
    assert instance.url == "https://argocd.example.com"
    assert instance.binds_in_projects
    assert instance.access_details == "Log in at {url}."
    assert instance.retention == HOUR
    model = ArgoCDInstanceSpec.model_validate(spec)
    assert model.model_dump(by_alias=True, exclude_unset=True) == spec


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {"namespace": "Argo CD"}, "spec.namespace: ", id="an invalid namespace"
        ),
        pytest.param(
            {"maxDuration": "soon"}, "spec.maxDuration: ", id="an invalid duration"
        ),
        pytest.param(
            {"owners": {"integration": [{"kind": "Role", "name": "x"}]}},
            "spec.owners.integration.0.kind: ",
            id="another kind of owner",
        ),
        pytest.param(
            {"maxDuration": "1ms"},
            "less than one second",
            id="a duration below one second",
        ),
    ],
)
def test_object_that_does_not_match_the_crd_is_refused(spec, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_instance(a_body(spec))

    assert words in str(got.value)


RETURNED = ReturnedMember(
    project="team-a",
    role="deployer",
    subject="alice",
    since=NOON,
    at=NOON,
    returns=1,
    is_kept=False,
)


def build_status(old: dict[str, Any] | None = None, **report: Any) -> dict[str, Any]:
    return instance_status(
        InstanceReport(conditions=(READY,), **report),
        old=old or {},
        generation=2,
        now=NOON,
    )


def test_status_matches_the_model() -> None:
    """The API server would prune fields that the CRD lacks."""
    status = build_status(
        bindings=2,
        overlay_bytes=99,
        roles=(DEPLOYER, DiscoveredRole(project="", name="role:x")),
        returned=(RETURNED, replace(RETURNED, subject="bob", is_kept=True, tokens=2)),
        owners=Owners(integration=(a_group("platform"),)),
        scopes="[groups]",
        default_role="role:readonly",
        operator_namespace="argogrant",
        last_write_at=NOON,
    )
    model = ArgoCDInstanceStatus.model_validate(status)

    assert model.model_dump(by_alias=True, exclude_none=True) == status
    assert status["roles"][1] == {"name": "role:x"}
    assert [one["state"] for one in status["returnedMembers"]] == ["Kept", "Removed"]
    assert view_returned(status)[0].tokens == 2


def test_unknown_fields_are_omitted() -> None:
    assert set(build_status()) == {
        "observedGeneration",
        "conditions",
        "roles",
        "roleCount",
    }


def test_time_of_the_last_write_survives_a_restart() -> None:
    old = {"lastWriteAt": "2026-11-24T11:00:00Z"}

    assert build_status(old)["lastWriteAt"] == old["lastWriteAt"]
    assert (
        build_status(old, last_write_at=NOON)["lastWriteAt"] == "2026-11-24T12:00:00Z"
    )


def test_status_stays_within_the_limits_of_the_crd() -> None:
    """The API server accepts the status for any content of Argo CD."""
    many = tuple(
        DiscoveredRole(project="", name=f"role:{number}") for number in range(500)
    )
    status = build_status(
        roles=(DEPLOYER, *many), scopes="s" * 5000, default_role="r" * 5000
    )

    ArgoCDInstanceStatus.model_validate(status)
    assert len(status["roles"]) == MAX_ROLES_SHOWN
    assert status["roleCount"] == 501
    assert len(status["roles"][0]["description"]) == 256
