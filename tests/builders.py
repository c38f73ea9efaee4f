"""Builders: nothing random, nothing current."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from argogrant.grants.decide import Decision, decide
from argogrant.grants.facts import InstanceFacts, facts_about
from argogrant.grants.grant import Grant, RoleRef, Subject, SubjectKind

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


def a_grant(subject: str = "alice", role: str = "role:deployer", **overrides: Any):
    """A grant of one hour, created at noon."""
    project = overrides.pop("project", None)
    if "expires_at" not in overrides:
        overrides.setdefault("duration", HOUR)
    return Grant(
        **{
            "uid": "u1",
            "namespace": "argogrant",
            "name": "g1",
            "instance": "default",
            "subject": Subject(kind=SubjectKind.USER, name=subject),
            "role": RoleRef(name=role, project=project),
            "created_at": NOON,
            **overrides,
        }
    )


def an_instance(**overrides: Any) -> InstanceFacts:
    """An Argo CD with one global and one project role."""
    return InstanceFacts(
        **{
            "name": "default",
            "roles": frozenset({"role:deployer", "proj:team-a:deployer"}),
            "names_used_as_roles": frozenset({"team-leads", "readers"}),
            **overrides,
        }
    )


def decided(grant: Grant, now: datetime = NOON, **instance: Any) -> Decision:
    """The decision about a grant."""
    return decide(facts_about(grant, an_instance(**instance), now))
