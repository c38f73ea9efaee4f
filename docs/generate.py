"""Generator of the CRDs, the admission policies and the reference of the kinds."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from prometheus_client.metrics import MetricWrapperBase

from argogrant.api.admission_policies import admission_files
from argogrant.api.crd import (
    ACCESS_APPROVAL,
    ACCESS_GRANT,
    ACCESS_POLICY,
    ARGOCD_INSTANCE,
    GROUP,
    KINDS,
    VERSION,
    Kind,
    crd_yaml,
    custom_resource_definition,
)
from argogrant.grants.model.reasons import (
    APPROVAL_REASONS,
    GRANT_REASONS,
    INSTANCE_REASONS,
    POLICY_REASONS,
    Reason,
)
from argogrant.telemetry.metrics import Metrics
from kindfields import FieldOfKind, fields_of
from marks import MARKS
from pages import NOTE, table

ROOT = Path(__file__).parent.parent
STATUS: Final = {True: "True", False: "False", None: "Unknown"}

Conditions = Mapping[Any, Mapping[bool | None, tuple[Reason, ...]]]
CONDITIONS: Final[Mapping[str, Conditions]] = {
    ACCESS_GRANT.kind: GRANT_REASONS,
    ARGOCD_INSTANCE.kind: INSTANCE_REASONS,
    ACCESS_POLICY.kind: POLICY_REASONS,
    ACCESS_APPROVAL.kind: APPROVAL_REASONS,
}


def descriptions_of_reasons() -> dict[Reason, str]:
    """Read the text below each member of ``Reason``; Python drops it at run time."""
    (definition,) = ast.parse(inspect.getsource(Reason)).body
    return {
        Reason[member.targets[0].id]: " ".join(text.value.value.split())
        for member, text in pairwise(definition.body)
        if isinstance(member, ast.Assign)
    }


DESCRIPTIONS: Final = descriptions_of_reasons()


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its path in the repository."""
    files = {f"crds/{kind.plural}.yaml": crd_yaml(kind) for kind in KINDS}
    files |= admission_files()
    for kind in KINDS:
        files[f"docs/reference/{kind.kind.lower()}.md"] = kind_page(kind)
    files["docs/reference/reasons.md"] = reasons_page()
    files["docs/reference/metrics.md"] = metrics_page()
    return files


def kind_page(kind: Kind) -> str:
    """Render the reference of one kind."""
    fields = list(fields_of(kind))
    names = (
        f"`apiVersion: {GROUP}/{VERSION}`, `kind: {kind.kind}`, namespaced."
        f" List with `kubectl get {kind.plural}` (short name `{kind.short_name}`);"
        " `kubectl get argogrant` lists all kinds of argogrant.\n"
    )
    return (
        "\n".join(
            [
                f"# {kind.kind}\n",
                f"{NOTE} `kubectl explain {kind.kind.lower()}.spec` prints the same.\n",
                f"{kind.description}\n",
                names,
                "## Fields at a glance\n",
                table(
                    ("field", "type", "", "description"),
                    [
                        (
                            f"[`{f.path}`](#{_anchor(f.path)})",
                            f.type,
                            f.presence,
                            _brief(f),
                        )
                        for f in fields
                    ],
                ),
                "## Fields\n",
                *map(_field_section, fields),
                "## Conditions\n",
                "`kubectl describe` shows them with messages.\n",
                *_condition_sections(CONDITIONS[kind.kind]),
                "## Columns of `kubectl get`\n",
                table(("column", "field", ""), list(_columns(kind))),
                *_marks(kind),
            ]
        ).rstrip("\n")
        + "\n"
    )


def reasons_page() -> str:
    """Render the list of all reasons."""
    rows = [
        (f"`{reason}`", "<br>".join(_where(reason)), text)
        for reason, text in DESCRIPTIONS.items()
    ]
    return (
        f"# Reasons of conditions\n\n{NOTE}\n\n"
        "`kubectl get` shows the reason of `Ready`; `kubectl describe` shows every\n"
        "condition with its message.\n\n"
        + table(("reason", "conditions", "description"), rows).rstrip("\n")
        + "\n"
    )


def metrics_page() -> str:
    """Render the list of all metrics."""
    rows = [_metric_row(one) for one in Metrics().all()]
    return (
        f"# Metrics\n\n{NOTE}\n\n"
        "The operator serves Prometheus metrics at `/metrics` (`--port`, default"
        " 8080).\nNo label contains a user name. The standard `process_` metrics are"
        " also available.\n\n"
        "`manifests/monitoring/` contains alert rules and a dashboard; see"
        " [Respond to an alert](../how-to/alerts.md).\n\n"
        + table(("metric", "type", "labels", "meaning"), rows).rstrip("\n")
        + "\n"
    )


def _metric_row(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    # The library has no public attribute for the label names.
    labels = metric._labelnames  # noqa: SLF001
    return (
        f"`{name}`",
        family.type,
        ", ".join(f"`{label}`" for label in labels),
        family.documentation,
    )


def _where(reason: Reason) -> Iterator[str]:
    for kind, conditions in CONDITIONS.items():
        for condition, reasons in conditions.items():
            for status, used in reasons.items():
                if reason in used:
                    yield f"{kind} `{condition}={STATUS[status]}`"


def _field_section(field: FieldOfKind) -> str:
    facts = "; ".join([field.type, field.presence, *field.limits()])
    text = f"### `{field.path}`\n\n{facts}.\n\n{field.description}\n"
    always = [m for rule, m in field.rules() if "oldSelf" not in rule]
    on_update = [m for rule, m in field.rules() if "oldSelf" in rule]
    for title, messages in (
        ("The API server enforces these rules:", always),
        ("The API server enforces these rules on updates:", on_update),
    ):
        if messages:
            text += f"\n{title}\n\n" + "\n".join(f"- {one}" for one in messages) + "\n"
    return text


def _condition_sections(conditions: Conditions) -> Iterator[str]:
    for condition, reasons in conditions.items():
        rows = [
            (STATUS[status], f"`{reason}`", DESCRIPTIONS[reason])
            for status, used in reasons.items()
            for reason in used
        ]
        yield f"### Condition `{condition}`\n"
        yield table(("status", "reason", "description"), rows)


def _marks(kind: Kind) -> Iterator[str]:
    if kind.kind in MARKS:
        yield "## Annotations, labels and finalizers\n"
        yield table(("name", "meaning"), MARKS[kind.kind]).rstrip("\n") + "\n"


def _columns(kind: Kind) -> Iterator[tuple[str, str, str]]:
    crd = custom_resource_definition(kind)
    for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]:
        wide = "with `-o wide`" if column.get("priority") else ""
        yield (column["name"].upper(), f"`{column['jsonPath']}`", wide)


def _brief(field: FieldOfKind) -> str:
    """Return the first sentence of a description, up to a semicolon."""
    text = str(field.schema["description"])
    for end in (". ", "; "):
        text = text.split(end, 1)[0]
    return text.rstrip(".")


def _anchor(path: str) -> str:
    """Return the anchor that GitHub generates for a heading."""
    return "".join(c for c in path.lower() if c.isalnum() or c in "-_")


if __name__ == "__main__":
    for name, text in generated_files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
