"""Access details in the status of a grant."""

from typing import Any

import pytest

from argogrant.api.accessgrant import AccessGrantStatus, grant_status
from argogrant.api.argocdinstance import read_instance
from argogrant.grants.access.subject_rules import (
    RuleList,
    RulesOfSubject,
    SubjectRule,
    SubjectRules,
)
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.model.errors import InvalidGrant
from support.builders import HOUR, NOON, a_grant, decided

TEXT = {"url": "https://a.dev", "access_details": "{subject} at {url}"}
DETAILS = {"url": "https://a.dev", "accessDetails": "alice at https://a.dev"}


def status_at(
    old: dict[str, Any] | None = None, now=NOON, **instance: Any
) -> dict[str, Any]:
    """Return the complete status of a grant of one hour."""
    status = grant_status(
        decided(a_grant(), now, **instance),
        BindingOutcome(is_bound=now < NOON + HOUR),
        old=old or {},
        generation=1,
        now=now,
    )
    AccessGrantStatus.model_validate(status)
    return status


def details_of(status: dict[str, Any]) -> dict[str, Any]:
    return {key: status[key] for key in ("url", "accessDetails") if key in status}


@pytest.mark.parametrize(
    ("before", "now", "instance", "after"),
    [
        pytest.param({}, NOON, TEXT, DETAILS, id="at the start"),
        pytest.param(DETAILS, NOON, {}, {}, id="removed with the instance's details"),
        pytest.param(DETAILS, NOON + HOUR, TEXT, DETAILS, id="at the end"),
        pytest.param(
            DETAILS,
            NOON + HOUR,
            {"url": "https://b.dev"},
            DETAILS,
            id="not changed after the end",
        ),
        pytest.param(
            DETAILS, NOON, {"exists": False}, DETAILS, id="kept without an instance"
        ),
    ],
)
def test_details_follow_the_instance_until_the_end(
    before, now, instance, after
) -> None:
    assert details_of(status_at(before, now, **instance)) == after


def test_ended_grant_keeps_its_details() -> None:
    ended = status_at(status_at(**TEXT), NOON + HOUR, **TEXT)
    later = status_at(
        ended, NOON + HOUR, url="https://b.dev", access_details="Go away."
    )

    assert "endedAt" in ended
    assert later == ended


@pytest.mark.parametrize("text", ["{user}", "a\u202eb", "a\tb"])
def test_invalid_template_is_refused(text) -> None:
    """This also applies to objects from the time of an older CRD."""
    body = {
        "metadata": {"name": "default", "namespace": "argogrant", "uid": "u"},
        "spec": {"accessDetails": text},
    }
    with pytest.raises(InvalidGrant, match=r"spec\.accessDetails: .*contains"):
        read_instance(body)


RULE = SubjectRule("policy.csv line 3", "p, alice, a, b, c, allow")
HAS_RULES = SubjectRules(of={"alice": RulesOfSubject(in_text=RuleList((RULE,), 1))})
ENTRY = {"where": "policy.csv line 3", "rule": "p, alice, a, b, c, allow"}


@pytest.mark.parametrize(
    ("before", "now", "instance", "after"),
    [
        pytest.param({}, NOON, {"subject_rules": HAS_RULES}, [ENTRY], id="active"),
        pytest.param({"subjectRules": [ENTRY]}, NOON, {}, None, id="removed meanwhile"),
        pytest.param({"subjectRules": [ENTRY]}, NOON + HOUR, {}, [ENTRY], id="ended"),
        pytest.param({}, NOON + HOUR, {"subject_rules": HAS_RULES}, None, id="over"),
    ],
)
def test_rules_for_the_subject_are_listed(before, now, instance, after) -> None:
    assert status_at(before, now, **instance).get("subjectRules") == after
