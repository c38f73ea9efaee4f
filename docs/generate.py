"""Write what is generated from the code: the CRDs and the reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.metrics import MetricWrapperBase

from argogrant.api.accessgrant import ABANDON_ANNOTATION, TRACKING_ANNOTATION
from argogrant.api.crd import (
    ACCESS_GRANT,
    ARGOCD_INSTANCE,
    GROUP,
    KINDS,
    VERSION,
    Kind,
    crd_yaml,
    custom_resource_definition,
)
from argogrant.grants.reasons import GRANT_REASONS, INSTANCE_REASONS, REASONS, Reason
from argogrant.instance.status import FINALIZER
from argogrant.outlets.metrics import Metrics

ROOT = Path(__file__).parent.parent
NOTE: Final = "Generated from the code by `make generate`; edits by hand are lost."
STATUS: Final = {True: "True", False: "False", None: "Unknown"}

Conditions = Mapping[Any, Mapping[bool | None, tuple[Reason, ...]]]
CONDITIONS: Final[Mapping[str, Conditions]] = {
    ACCESS_GRANT.kind: GRANT_REASONS,
    ARGOCD_INSTANCE.kind: INSTANCE_REASONS,
}
ABANDON: Final = (
    '`"true"`: a person asks that a deleted grant vanish although its revocation is'
    " not certain. Look at `argocd-rbac-cm` by hand afterwards. On a grant that is not"
    " being deleted it does nothing."
)
TRACKED: Final = (
    "Argo CD writes it on what it applies from Git. Such a grant must have"
    " `spec.expiresAt`, or else it is not bound (`AbsoluteEndRequired`)."
)
GRANT_FINALIZER: Final = (
    "The operator sets it, and removes it when the revocation of a deleted grant was"
    " acknowledged. If it is removed by hand, the object goes at once; the operator"
    " takes the binding away all the same, now or when it runs again."
)
ABANDON_INSTANCE: Final = (
    '`"true"`: a person asks that a deleted instance vanish although its bindings may'
    " still be obeyed, because `argocd-rbac-cm` is missing or can not be written. Its"
    " deleted grants go with it. Look at `argocd-rbac-cm` by hand afterwards. On an"
    " instance that is not being deleted it does nothing."
)
INSTANCE_FINALIZER: Final = (
    "The operator sets it, and removes it when `policy.argogrant.csv` of a deleted"
    " instance is gone. While `argocd-rbac-cm` is missing it waits. If it is removed"
    " by hand while no operator runs, the bindings stay in `argocd-rbac-cm` until"
    " another ArgoCDInstance of the same namespace takes the key over."
)
MARKS: Final = {
    ACCESS_GRANT.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON),
        (f"annotation `{TRACKING_ANNOTATION}`", TRACKED),
        (f"finalizer `{FINALIZER}`", GRANT_FINALIZER),
    ),
    ARGOCD_INSTANCE.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON_INSTANCE),
        (f"finalizer `{FINALIZER}`", INSTANCE_FINALIZER),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfKind:
    """One field of a kind, as its CRD describes it."""

    path: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def type(self) -> str:
        """The type, as a reader thinks of it."""
        if self.schema["type"] == "array":
            return f"list of {self.schema['items']['type']}s"
        if self.schema.get("format") == "date-time":
            return "time"
        return str(self.schema["type"])

    @property
    def presence(self) -> str:
        """Whether it must be written, or what it is if it is not."""
        if "default" in self.schema and self.schema["type"] != "object":
            return f"default `{self.schema['default']}`"
        return "required" if self.required else "optional"

    def limits(self) -> list[str]:
        """Say what the schema itself demands."""
        schema, said = self.schema, []
        if "enum" in schema:
            said.append(" or ".join(f"`{one}`" for one in schema["enum"]))
        if schema.get("format") == "date-time":
            said.append("as RFC 3339 writes it")
        if "maxLength" in schema and schema.get("format") != "date-time":
            least, most = schema.get("minLength"), schema["maxLength"]
            said.append(
                f"{least} to {most} characters" if least else f"≤ {most} characters"
            )
        if "maxItems" in schema:
            said.append(f"≤ {schema['maxItems']} items")
        if "minimum" in schema:
            said.append(f"≥ {schema['minimum']}")
        if "pattern" in schema and schema.get("format") != "date-time":
            said.append(f"matches `{schema['pattern']}`")
        return said

    def rules(self) -> list[tuple[str, str]]:
        """Give the CEL rules with their messages."""
        return [
            (rule["rule"], rule["message"])
            for rule in self.schema.get("x-kubernetes-validations", ())
        ]


def generated_files() -> dict[str, str]:
    """Give every generated file's text by its path in the repository."""
    files = {f"crds/{kind.plural}.yaml": crd_yaml(kind) for kind in KINDS}
    for kind in KINDS:
        files[f"docs/reference/{kind.kind.lower()}.md"] = kind_page(kind)
    files["docs/reference/reasons.md"] = reasons_page()
    files["docs/reference/metrics.md"] = metrics_page()
    return files


def fields_of(kind: Kind) -> Iterator[FieldOfKind]:
    """Give every field of a kind, parents before children."""
    crd = custom_resource_definition(kind)
    whole = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        required = part in whole["required"]
        yield from _fields(part, whole["properties"][part], required=required)


def _fields(
    path: str, schema: Mapping[str, Any], *, required: bool
) -> Iterator[FieldOfKind]:
    yield FieldOfKind(path=path, schema=schema, required=required)
    inner = schema
    if schema["type"] == "array":
        path, inner = f"{path}[]", schema["items"]
    for name, child in inner.get("properties", {}).items():
        is_required = name in inner.get("required", ())
        yield from _fields(f"{path}.{name}", child, required=is_required)


def kind_page(kind: Kind) -> str:
    """Write the reference of one kind."""
    fields = list(fields_of(kind))
    names = (
        f"`apiVersion: {GROUP}/{VERSION}`, `kind: {kind.kind}`, namespaced;"
        f" `kubectl get {kind.plural}`, in short `{kind.short_name}`; with everything"
        " of argogrant: `kubectl get argogrant`.\n"
    )
    return (
        "\n".join(
            [
                f"# {kind.kind}\n",
                f"{NOTE} `kubectl explain {kind.kind.lower()}.spec` says the same.\n",
                f"{kind.description}\n",
                names,
                "## Fields at a glance\n",
                _table(
                    ("field", "type", "", "in short"),
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
                "`kubectl describe` shows them with a message that says what to do.\n",
                *_condition_sections(CONDITIONS[kind.kind]),
                "## Columns of `kubectl get`\n",
                _table(("column", "from", ""), list(_columns(kind))),
                "## Annotations and finalizers\n",
                _table(("what", "meaning"), MARKS[kind.kind]).rstrip("\n") + "\n",
            ]
        ).rstrip("\n")
        + "\n"
    )


def reasons_page() -> str:
    """Write the list of all reasons."""
    rows = [
        (f"`{reason}`", "<br>".join(_where(reason)), text)
        for reason, text in REASONS.items()
    ]
    return (
        f"# Reasons of conditions\n\n{NOTE}\n\n"
        "`kubectl get` shows the reason of `Ready`; `kubectl describe` shows every\n"
        "condition with its message.\n\n"
        + _table(("reason", "seen with", "when it is used"), rows).rstrip("\n")
        + "\n"
    )


def metrics_page() -> str:
    """Write the list of all metrics."""
    metrics = vars(Metrics()).values()
    rows = [_metric_row(one) for one in metrics if isinstance(one, MetricWrapperBase)]
    return (
        f"# Metrics\n\n{NOTE}\n\n"
        "The operator serves them at `/metrics` (`--port`, 8080 unless said otherwise),"
        " for Prometheus.\nNo label names a person. Beside these there are the usual"
        " `process_` metrics.\n\n"
        "[What to do at an alert](../how-to/alerts.md) goes with the alert rules and"
        " the dashboard\nin `manifests/monitoring/`.\n\n"
        + _table(("metric", "type", "labels", "meaning"), rows).rstrip("\n")
        + "\n"
    )


def _metric_row(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = metric._labelnames  # noqa: SLF001 — the library tells it nowhere else
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
    text = f"### `{field.path}`\n\n{facts}.\n\n{field.schema['description']}\n"
    at_creation = [m for rule, m in field.rules() if "oldSelf" not in rule]
    later = [m for rule, m in field.rules() if "oldSelf" in rule]
    for title, messages in (
        ("The API server refuses what breaks one of these rules:", at_creation),
        ("It refuses these changes:", later),
    ):
        if messages:
            text += f"\n{title}\n\n" + "\n".join(f"- {one}" for one in messages) + "\n"
    return text


def _condition_sections(conditions: Conditions) -> Iterator[str]:
    for condition, reasons in conditions.items():
        rows = [
            (STATUS[status], f"`{reason}`", REASONS[reason])
            for status, used in reasons.items()
            for reason in used
        ]
        yield f"### Condition `{condition}`\n"
        yield _table(("status", "reason", "when it is used"), rows)


def _columns(kind: Kind) -> Iterator[tuple[str, str, str]]:
    crd = custom_resource_definition(kind)
    for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]:
        wide = "with `-o wide`" if column.get("priority") else ""
        yield (column["name"].upper(), f"`{column['jsonPath']}`", wide)


def _table(head: tuple[str, ...], rows: Any) -> str:  # noqa: ANN401
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return str(text).replace("|", r"\|").replace("\n", " ")


def _brief(field: FieldOfKind) -> str:
    """Give the first clause of a description."""
    text = str(field.schema["description"])
    for end in (". ", "; "):
        text = text.split(end, 1)[0]
    return text.rstrip(".")


def _anchor(path: str) -> str:
    """Say what GitHub makes of a heading."""
    return "".join(c for c in path.lower() if c.isalnum() or c in "-_")


if __name__ == "__main__":
    for name, text in generated_files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
