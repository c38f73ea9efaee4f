"""The command ``argogrant doctor``: problems of an installation, with remedies."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

import click

from argogrant.cli.doctor.checks import examine
from argogrant.cli.doctor.collect import collect_cluster, collect_instance
from argogrant.cli.formats import TextOrJSON
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
    """Format the results, those of each instance under its name."""
    for instance, group in groupby(results, key=lambda result: result.instance):
        if instance:
            yield f"\nArgoCDInstance {instance}"
        for result in group:
            yield from checklist(result, width, marks)
    yield f"\n{_summary(results)}"


def _summary(results: Sequence[CheckResult]) -> str:
    problems = sum(one.outcome is CheckOutcome.WRONG for one in results)
    unknowns = sum(one.outcome is CheckOutcome.UNKNOWN for one in results)
    text = f"{_count(problems, 'problem')} found" if problems else "No problem found"
    if not unknowns:
        return f"{text}."
    return f"{text}; {_count(unknowns, 'check')} could not be completed."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def doctor(
    *,
    namespace: str,
    instance: str,
    context: str,
    output: TextOrJSON,
) -> None:
    """Print the problems of an installation."""
    results = asyncio.run(_examine(namespace, instance, context))
    is_healthy = all(one.outcome is not CheckOutcome.WRONG for one in results)
    if output is TextOrJSON.JSON:
        checks = [asdict(one) for one in results]
        click.echo(json.dumps({"healthy": is_healthy, "checks": checks}, indent=2))
    else:
        print_line(lambda width, marks: show(results, width=width, marks=marks))
    if not is_healthy:
        raise click.exceptions.Exit(1)


async def _examine(namespace: str, instance: str, context: str) -> list[CheckResult]:
    check = "API server"
    try:
        cluster = await connect(context)
    except APIServerNotReachable as error:
        text = f"no API server is configured: {error}"
        return [wrong(check, text, command="kubectl config get-contexts")]
    try:
        await cluster.get("/version")
        return await _results(cluster, resolve_namespace(namespace, context), instance)
    except ClusterError as error:
        text = f"it could not be used: {error}"
        return [wrong(check, text, command="kubectl version")]
    finally:
        await cluster.close()


async def _results(
    cluster: Cluster, namespace: str, instance: str
) -> list[CheckResult]:
    facts = await collect_cluster(cluster, namespace, utc_now)
    records = [one for one in facts.instances.value or () if instance in ("", one.name)]
    records.sort(key=lambda record: record.name)
    results = examine(
        facts, [await collect_instance(cluster, one, facts.grants) for one in records]
    )
    if instance and not records and facts.instances.value is not None:
        text = f"there is no ArgoCDInstance {instance} in namespace {namespace}"
        command = f"kubectl -n {namespace} get argocdinstances"
        results.append(wrong("Instance", text, command=command))
    return results
