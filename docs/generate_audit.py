"""Write the reference of the audit stream from its models."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from argogrant.audit.audit_log import AuditLog
from argogrant.audit.cloudevents import (
    TYPE_PREFIX,
    ApprovalData,
    AuditEvent,
    GrantData,
    InstanceData,
    RequesterData,
    SubjectData,
    line_of,
)
from argogrant.audit.event import AuditRecord, GrantChange, ObjectRef
from argogrant.audit.kubernetes_events import shown_as
from argogrant.audit.transition_kinds import TRANSITIONS, TransitionKind
from argogrant.grants.model.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.window import parse_duration, parse_instant
from pages import NOTE, table

ROOT = Path(__file__).parent.parent
PAGE: Final = "docs/reference/audit.md"
INTRODUCTION: Final = """\
The operator writes one line to standard output for each transition, a
[CloudEvent](https://cloudevents.io) 1.0 in structured JSON; its log goes to standard
error. With `--audit-sink` the same events are posted over HTTPS in batches
(`application/cloudevents-batch+json`). What is promised, and what is not, is in
[Audit](../explanation/audit.md).

Fields may be added; none is renamed or given another meaning. What is not known is left
out. Text from people, such as a justification, is as they wrote it: escape it where you
show it.
"""
OF_INSTANCES: Final = {
    TransitionKind.CONTESTED,
    TransitionKind.ORPHAN_REMOVED,
    TransitionKind.TOKEN_ROTATED,
    TransitionKind.TOKEN_AT_RISK,
    TransitionKind.TOKEN_REMOVED,
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
    """Give the page's text by its path in the repository."""
    return {PAGE: page()}


def page() -> str:
    """Write the whole page."""
    events = [
        (
            f"`{TYPE_PREFIX}.{'instance' if kind in OF_INSTANCES else 'grant'}.{kind}`",
            text,
            shown_as(kind),
        )
        for kind, text in TRANSITIONS.items()
    ]
    parts = [
        f"# Audit stream\n\n{NOTE}\n",
        INTRODUCTION,
        "## Types\n",
        "The last column is the Kubernetes Event that `kubectl describe` shows.\n",
        table(("type", "when it is told", "Event"), events),
        "## An example\n",
        "One line in the stream; broken up here.\n",
        f"```json\n{json.dumps(json.loads(example()), indent=2)}\n```\n",
    ]
    for title, model in SECTIONS:
        parts += [f"## {title}\n", _fields(model)]
    return "\n".join(parts).rstrip("\n") + "\n"


def example() -> str:
    """Write the line of a grant that is bound."""
    told: list[AuditRecord] = []
    AuditLog(told.append).grant(
        GrantChange(
            ref=ObjectRef(
                kind="AccessGrant",
                uid="7d1d1ae8-6d3c-4a0f-9a2e-6f2f0c9b7c11",
                namespace="argogrant",
                name="alice-deploys",
                instance="default",
            ),
            grant=_grant(),
            stored={},
            new={
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
            },
            now=parse_instant("2026-11-24T12:00:01Z"),
        )
    )
    return line_of(told[-1].event)


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
        rows.append((f"`{field.alias or name}`", presence, field.description or ""))
    return table(("field", "", "meaning"), rows)


def _is_fixed(default: Any) -> bool:  # noqa: ANN401
    return default is not None


if __name__ == "__main__":
    for path, text in generated_files().items():
        (ROOT / path).write_text(text)
