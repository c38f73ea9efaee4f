"""``argogrant doctor``: what is wrong with an installation, and what mends it.

The results of an examination as lines for a terminal.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from itertools import groupby
from typing import Annotated

import typer

from argogrant.cli.doctor.collect import collect_cluster, collect_instance
from argogrant.cli.doctor.examine import examine
from argogrant.cli.doctor.permission_review import PermissionReviewer
from argogrant.cli.options import Context, Namespace
from argogrant.cli.session import (
    APIServerNotReachable,
    connect,
    resolve_namespace,
    utc_now,
)
from argogrant.cli.terminal.checklist import (
    CheckOutcome,
    CheckResult,
    Symbols,
    checklist,
    wrong,
)
from argogrant.cli.terminal.tables import print_line
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError


def show(
    results: Sequence[CheckResult], *, width: int, marks: Symbols
) -> Iterator[str]:
    """Write the results, those of each instance under its name.

    Args:
        results: In their order.
        width: Columns of the terminal.
        marks: The signs for what was found.
    """
    for instance, some in groupby(results, key=lambda result: result.instance):
        if instance:
            yield f"\nArgoCDInstance {instance}"
        for result in some:
            yield from checklist(result, width, marks)
    yield f"\n{_summary(results)}"


def _summary(results: Sequence[CheckResult]) -> str:
    wrong = sum(one.outcome is CheckOutcome.WRONG for one in results)
    unseen = sum(one.outcome is CheckOutcome.UNKNOWN for one in results)
    if not unseen:
        return f"{wrong} wrong." if wrong else "Nothing is wrong."
    said = f"{wrong} wrong" if wrong else "Nothing wrong was seen"
    checks = "1 check" if unseen == 1 else f"{unseen} checks"
    return f"{said}; {checks} could not be made."


class DoctorFormat(StrEnum):
    """How the results are written."""

    TEXT = "text"
    JSON = "json"


def doctor(
    *,
    namespace: Namespace = "",
    instance: Annotated[
        str, typer.Option(help="The only one to look at.  [default: all]")
    ] = "",
    context: Context = "",
    output: Annotated[
        DoctorFormat,
        typer.Option("--output", "-o", help="For people, or for programs."),
    ] = DoctorFormat.TEXT,
) -> None:
    """Say what is wrong with an installation, and what mends it.

    It only reads, with your own rights; what they do not suffice for has a question
    mark. The exit status is 1 if anything is wrong, else 0.

    Example: argogrant doctor -n argogrant
    """
    results = asyncio.run(_examine(namespace, instance, context))
    is_wrong = any(one.outcome is CheckOutcome.WRONG for one in results)
    if output is DoctorFormat.JSON:
        found = [asdict(one) for one in results]
        typer.echo(json.dumps({"healthy": not is_wrong, "checks": found}, indent=2))
    else:
        print_line(lambda width, marks: show(results, width=width, marks=marks))
    if is_wrong:
        raise typer.Exit(1)


async def _examine(
    namespace: str, instance: str, context: str
) -> tuple[CheckResult, ...]:
    try:
        cluster = await connect(context)
    except APIServerNotReachable as error:
        return (
            wrong(
                "API server",
                f"none is configured: {error}",
                command="kubectl config get-contexts",
            ),
        )
    try:
        await cluster.get("/version")
        return await _results(cluster, resolve_namespace(namespace, context), instance)
    except ClusterError as error:
        text = f"it does not answer as it should: {error}"
        return (wrong("API server", text, command="kubectl version"),)
    finally:
        await cluster.close()


async def _results(
    cluster: Cluster, namespace: str, instance: str
) -> tuple[CheckResult, ...]:
    facts = await collect_cluster(cluster, namespace, utc_now)
    asker = PermissionReviewer(cluster, f"system:serviceaccount:{namespace}:argogrant")
    records = [one for one in facts.instances.value or () if instance in ("", one.name)]
    seen = [
        await collect_instance(cluster, record, facts.grants, asker)
        for record in sorted(records, key=lambda record: record.name)
    ]
    results = examine(facts, seen)
    if instance and not records and facts.instances.value is not None:
        text = f"there is no ArgoCDInstance {instance} in namespace {namespace}"
        return (*results, wrong("Instance", text))
    return results
