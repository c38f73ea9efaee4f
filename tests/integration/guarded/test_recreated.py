"""Grants that are created again, where the API server verifies requesters.

The matrix of marks is in ``tests/unit/api/test_recreating_tools.py``, that of copies in
``tests/unit/grants/test_records.py`` and the controller's ``test_writer_copies.py``.
"""

from typing import Any

import pytest

from support.admission_objects import Asker
from support.live_cluster import a_grant, after, eventually
from support.live_policies import (
    OIDC_PREFIX,
    TIMEOUT,
    ClusterWithPolicies,
    a_policy,
)

ROBOT = "system:serviceaccount:ci:robot"
REMEDY = "set spec.expiresAt, or spec.notBefore beside spec.duration"


@pytest.fixture
def robot(world: ClusterWithPolicies) -> Asker:
    """A pipeline, which a policy allows to request for Alice."""
    account = {"kind": "ServiceAccount", "namespace": "ci", "name": "robot"}
    subjects = {"users": ["alice"]}
    policy = a_policy("pipelines", requesters=[account], subjects=subjects)
    world.apply_policies(policy, **OIDC_PREFIX)
    return world.user(ROBOT, "developers")


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(lambda: {"expiresAt": after(600)}, id="expiresAt"),
        pytest.param(
            lambda: {"notBefore": after(-1), "duration": "10m"},
            id="notBefore and duration",
        ),
    ],
)
def test_service_account_requests_until_a_fixed_time(
    world: ClusterWithPolicies, robot: Asker, ends: Any
) -> None:
    refusal = robot.refused("create", "-f", "-", body=a_grant("again", duration="10m"))
    world.create_grant(robot, "until", **ends())
    world.wait_for_reason("until", "Bound")

    assert f"a service account must {REMEDY}" in refusal
    eventually(world.may_sync, within=TIMEOUT)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"app.kubernetes.io/instance": "a"}}, id="Argo CD"),
        pytest.param(
            {"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, id="Argo CD too"
        ),
        pytest.param({"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}, id="Flux"),
        pytest.param({"annotations": {"meta.helm.sh/release-name": "a"}}, id="Helm"),
        pytest.param({"labels": {"velero.io/restore-name": "a"}}, id="Velero"),
        pytest.param({"labels": {"kapp.k14s.io/app": "1"}}, id="kapp"),
        pytest.param(
            {
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "a",
                        "uid": "u",
                        "controller": True,
                    }
                ]
            },
            id="a controller",
        ),
    ],
)
def test_person_with_the_mark_of_a_tool_needs_a_fixed_end(
    alice: Asker, metadata: dict[str, Any]
) -> None:
    body = a_grant("marked", duration="10m")
    body["metadata"] |= metadata
    dry = ("create", "--dry-run=server", "-f", "-")
    refusal = alice.refused(*dry, body=body)
    body["spec"] |= {"notBefore": after(0)}
    alice.kubectl(*dry, body=body)
    del body["spec"]["notBefore"]
    body["metadata"] |= {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    body["metadata"].pop("ownerReferences", None)
    alice.kubectl(*dry, body=body)

    assert REMEDY in refusal
    assert "such as Argo CD, Flux, Helm or Velero" in refusal
