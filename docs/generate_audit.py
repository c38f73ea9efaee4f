"""Write the reference of the audit stream from its models."""

import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from argogrant.api.accessgrant_view import read_conditions
from argogrant.audit.audit_log import AuditLog, GrantChange
from argogrant.audit.event import (
    TYPE_PREFIX,
    ApprovalData,
    AuditEvent,
    EventType,
    GrantData,
    InstanceData,
    RequesterData,
    SubjectData,
)
from argogrant.audit.kubernetes_events import describe_event
from argogrant.grants.model.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.window import parse_duration, parse_instant
from pages import NOTE, table

ROOT = Path(__file__).parent.parent
PAGE: Final = "docs/reference/audit.md"
INTRODUCTION: Final = """\
The operator writes one line to standard output for each change of a grant or of an
instance: a [CloudEvent](https://cloudevents.io) 1.0 in structured JSON. Its log goes to
standard error. With `--audit-sink` it also posts the events over HTTPS in batches
(`application/cloudevents-batch+json`). [Audit](../explanation/audit.md) describes the
guarantees.

Later versions may add fields, but never rename a field or change its meaning. Unknown
values are omitted. Text from users, such as a justification, is unchanged: escape it
where you display it.
"""
OF_INSTANCES: Final = {
    EventType.CONTESTED,
    EventType.ORPHAN_REMOVED,
    EventType.TOKEN_ROTATED,
    EventType.TOKEN_AT_RISK,
    EventType.TOKEN_REMOVED,
    EventType.MEMBER_RETURNED,
    EventType.MEMBER_ACKNOWLEDGED,
}
SECTIONS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("The event", AuditEvent),
    ("`data` of a grant", GrantData),
    ("`data.subject`", SubjectData),
    ("`data.requester`", RequesterData),
    ("`data.approvals[]`", ApprovalData),
    ("`data` of an instance", InstanceData),
)


def generated_files() -> dict[str, str]:
    """Return the text of the page by its path in the repository."""
    return {PAGE: page()}


def page() -> str:
    """Return the text of the page."""
    events = [
        (f"`{TYPE_PREFIX}.{_kind(one)}.{one}`", text, describe_event(one))
        for one, text in event_descriptions().items()
    ]
    parts = [
        f"# Audit stream\n\n{NOTE}\n",
        INTRODUCTION,
        "## Types\n",
        "The last column is the Kubernetes Event that `kubectl describe` shows.\n",
        table(("type", "when it is emitted", "Event"), events),
        "## An example\n",
        "One line in the stream; wrapped here.\n",
        f"```json\n{json.dumps(json.loads(example()), indent=2)}\n```\n",
    ]
    for title, model in SECTIONS:
        parts += [f"## {title}\n", _fields(model)]
    return "\n".join(parts).rstrip("\n") + "\n"


def event_descriptions() -> dict[EventType, str]:
    """Return the docstring under each event type: when it is emitted."""
    (definition,) = ast.parse(inspect.getsource(EventType)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for member, text in pairwise(definition.body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            name = ast.unparse(member.targets[0])
            found[EventType[name]] = " ".join(ast.literal_eval(text.value).split())
    return found


def _kind(event_type: EventType) -> str:
    return "instance" if event_type in OF_INSTANCES else "grant"


def example() -> str:
    """Return the line of a grant that is bound."""
    new = {
        "conditions": [
            {"type": "Approved", "status": "True", "reason": "AutoApproved"},
            {
                "type": "Ready",
                "status": "True",
                "reason": "Bound",
                "message": 'Argo CD gives "alice" the role "role:deployer"'
                " until 2026-11-24T14:00:00Z.",
            },
        ],
        "startedAt": "2026-11-24T12:00:00Z",
        "expiresAt": "2026-11-24T14:00:00Z",
        "accessPolicy": "deployers",
    }
    events: list[AuditEvent] = []
    AuditLog(events.append).grant(
        GrantChange(
            uid="7d1d1ae8-6d3c-4a0f-9a2e-6f2f0c9b7c11",
            namespace="argogrant",
            name="alice-deploys",
            instance="default",
            grant=_grant(),
            stored={},
            new=new,
            conditions=read_conditions(new),
            now=parse_instant("2026-11-24T12:00:01Z"),
        )
    )
    return events[-1].line


def _grant() -> Grant:
    return Grant(
        uid="7d1d1ae8-6d3c-4a0f-9a2e-6f2f0c9b7c11",
        namespace="argogrant",
        name="alice-deploys",
        instance="default",
        subject=Subject(kind=SubjectKind.USER, name="alice"),
        role=RoleRef(name="role:deployer"),
        created_at=parse_instant("2026-11-24T12:00:00Z"),
        duration=parse_duration("2h"),
        requester=Identity(
            username="oidc:alice", groups=frozenset({"developers", "sre"})
        ),
        justification="deploy the fix for the checkout",
    )


def _fields(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        presence = "always" if field.is_required() or _is_fixed(field.default) else ""
        meaning = " ".join((field.description or "").split())
        rows.append((f"`{field.alias or name}`", presence, meaning))
    return table(("field", "", "meaning"), rows)


def _is_fixed(default: Any) -> bool:  # noqa: ANN401
    return default is not None


if __name__ == "__main__":
    for path, text in generated_files().items():
        (ROOT / path).write_text(text)
