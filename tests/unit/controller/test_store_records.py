"""Records of objects, also of objects that cannot be parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.accessgrant_view import view_grant
from argogrant.api.conditions import write_conditions
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.controller.store import (
    record_approval,
    record_grant,
    record_instance,
    record_policy,
)
from support.builders import NOON
from support.hypothesis_strategies import foreign
from support.live_cluster import INSTANCE, a_grant
from support.sample_objects import a_policy, an_approval

STAMPED = {"uid": "u1", "creationTimestamp": "2026-11-24T12:00:00Z"}


def a_body(metadata=None, **changes):
    body = a_grant("g1")
    return {**body, "metadata": {**body["metadata"], **STAMPED, **(metadata or {})}} | (
        changes
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(a_body(spec=None), "spec:", id="no spec"),
        pytest.param(a_body(spec="text"), "spec:", id="spec is not an object"),
        pytest.param(
            a_body(spec={}),
            "spec.subject: subject is missing; it must be",
            id="no subject",
        ),
        pytest.param(
            a_body(spec={**a_grant("g1")["spec"], "expiresAt": "2026-11-24T18:00:00Z"}),
            "exactly one of expiresAt and duration",
            id="expiresAt and duration",
        ),
        pytest.param(
            a_body(
                spec=a_grant("g1", expiresAt="2026-02-31T00:00:00Z")["spec"],
            ),
            "must be a date and a time of day",
            id="date that does not exist",
        ),
        pytest.param(
            a_body(spec=a_grant("g1", duration="500ms")["spec"]),
            "less than one second",
            id="duration below a second",
        ),
    ],
)
def test_invalid_grant_has_a_record_with_its_problem(body, problem) -> None:
    record = record_grant(body)

    assert record.grant is None
    assert problem in record.problem
    assert (record.uid, record.name, record.instance) == ("u1", "g1", "default")


def test_valid_grant_has_a_record_with_its_spec() -> None:
    record = record_grant(a_body())

    assert record.grant is not None
    assert record.grant.subject.name == "alice"
    assert record.problem == ""
    assert not record.being_deleted
    assert not record.force_release


@pytest.mark.parametrize(
    ("metadata", "differs"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"resourceVersion": "9"}, False, id="resourceVersion"),
        pytest.param({"labels": {"a": "b"}}, False, id="label"),
        pytest.param(
            {"deletionTimestamp": "2026-11-24T13:00:00Z"}, True, id="deletion"
        ),
        pytest.param(
            {"annotations": {ABANDON_ANNOTATION: "true"}},
            True,
            id="annotation argogrant.dev/abandon",
        ),
        pytest.param(
            {"annotations": {"argocd.argoproj.io/tracking-id": "x"}},
            True,
            id="tracking annotation of Argo CD",
        ),
    ],
)
def test_reconciliation_is_triggered_by(metadata, differs) -> None:
    one, two = record_grant(a_body()), record_grant(a_body(metadata))

    assert one.decides_like(two) is not differs


def test_invalid_instance_has_a_record_with_its_problem() -> None:
    body = {
        **INSTANCE,
        "metadata": {**INSTANCE["metadata"], **STAMPED},
        "spec": {"maxDuration": 7},
    }
    record = record_instance(body)

    assert record.instance is None
    assert record.problem.startswith("spec.maxDuration: ")
    assert not record.decides_like(record_instance({**body, "spec": {}}))


@pytest.mark.parametrize(
    ("spec", "roles"),
    [
        pytest.param(None, (), id="no spec"),
        pytest.param({"roles": None}, (), id="no roles"),
        pytest.param(
            {"roles": [{}]}, (ProjectRole(name=""),), id="role without fields"
        ),
        pytest.param(
            {
                "roles": [
                    {
                        "name": "r",
                        "description": "d",
                        "policies": ["p"],
                        "groups": ["g"],
                    }
                ]
            },
            (ProjectRole(name="r", description="d", policies=("p",), groups=("g",)),),
            id="role with all fields",
        ),
    ],
)
def test_project_is_parsed_without_optional_fields(spec, roles) -> None:
    body = {"metadata": {"name": "team-a"}, "spec": spec}

    assert observe_project(body) == Project(name="team-a", roles=roles)


STATUS = {
    "conditions": [{"type": "Ready", "status": "True", "reason": "Bound"}],
    "startedAt": "2026-11-24T12:00:00Z",
    "expiresAt": "2026-11-24T13:00:00Z",
    "approvals": [{"name": "a"}],
    "extensionOf": ["g0"],
    "observedGeneration": 1,
}


@pytest.mark.parametrize(
    ("record", "body"),
    [
        pytest.param(record_grant, a_body(status=STATUS), id="AccessGrant"),
        pytest.param(record_instance, {**INSTANCE, "status": STATUS}, id="instance"),
        pytest.param(record_policy, a_policy(), id="AccessPolicy"),
        pytest.param(record_approval, an_approval(), id="AccessApproval"),
    ],
)
@given(data=st.data())
def test_any_object_has_a_record(record, body, data) -> None:
    """The CRD may be missing; a record has the parsed object, or the problem."""
    value = data.draw(foreign(body).filter(lambda one: isinstance(one, dict)))
    recorded = record(value)
    status = write_conditions(recorded.status, (), generation=1, now=NOON)

    assert isinstance(recorded.name, str)
    assert (getattr(recorded, record.__name__[7:]) is None) is bool(recorded.problem)
    assert view_grant(value).name == recorded.name
    assert status["conditions"] == []


def test_fields_of_a_status_with_another_type_are_left_out() -> None:
    status = {
        **STATUS,
        "conditions": [*STATUS["conditions"], "text", {"type": ["Ready"]}],
        "approvals": "text",
        "startedAt": 7,
        "observedGeneration": "1",
    }
    kept = {key: STATUS[key] for key in ("conditions", "expiresAt", "extensionOf")}

    assert record_grant(a_body(status=status)).status == kept


def test_config_map_without_data_is_empty() -> None:
    observed = observe_config_map({"metadata": {"resourceVersion": "7"}, "data": None})

    assert observed == ObservedConfigMap("7", {})
    assert observed.overlay is None
    assert observed.scopes is None
    assert observed.unmanaged.rules == ()
