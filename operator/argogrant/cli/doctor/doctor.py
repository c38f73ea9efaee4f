"""The command ``argogrant doctor``: problems of an installation, with remedies."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from itertools import groupby
from typing import Final

import click

from argogrant.cli.doctor.access_checks import CHECK as ACCESS
from argogrant.cli.doctor.checks import examine
from argogrant.cli.doctor.collect import collect_cluster, collect_instance
from argogrant.cli.formats import TextOrJSON
from argogrant.cli.session import (
    APIServerNotReachable,
    client_config,
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

SETTLE_SECONDS: Final = 2.0
"""Pause before access that seems wrong is read again: the operator may just write."""


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
    argocd_context: str,
    output: TextOrJSON,
) -> None:
    """Print the problems of an installation."""
    results = asyncio.run(_examine(namespace, instance, context, argocd_context))
    is_healthy = all(one.outcome is not CheckOutcome.WRONG for one in results)
    if output is TextOrJSON.JSON:
        checks = [asdict(one) for one in results]
        click.echo(json.dumps({"healthy": is_healthy, "checks": checks}, indent=2))
    else:
        print_line(lambda width, marks: show(results, width=width, marks=marks))
    if not is_healthy:
        raise click.exceptions.Exit(1)


async def _examine(
    namespace: str, instance: str, context: str, argocd_context: str
) -> list[CheckResult]:
    check = "API server"
    try:
        async with AsyncExitStack() as stack:
            config = client_config(context)
            where = resolve_namespace(namespace, config)
            cluster = await connect(config)
            stack.push_async_callback(cluster.close)
            others: dict[str, Cluster] = {}
            if argocd_context:
                other = others[argocd_context] = await connect(argocd_context)
                stack.push_async_callback(other.close)
            await cluster.get("/version")
            results = await _results(cluster, where, instance, others)
            if any(map(_may_be_transient, results)):
                await asyncio.sleep(SETTLE_SECONDS)
                results = await _results(cluster, where, instance, others)
            return results
    except APIServerNotReachable as error:
        return [wrong(check, str(error), command="kubectl auth whoami")]
    except ClusterError as error:
        text = f"it could not be used: {error}"
        return [wrong(check, text, command="kubectl version")]


def _may_be_transient(result: CheckResult) -> bool:
    """Return whether a running operator may be changing what was read."""
    return result.check == ACCESS and result.outcome is CheckOutcome.WRONG


async def _results(
    cluster: Cluster, namespace: str, instance: str, others: Mapping[str, Cluster]
) -> list[CheckResult]:
    facts = await collect_cluster(cluster, namespace, utc_now, others=others)
    records = [one for one in facts.instances.value or () if instance in ("", one.name)]
    records.sort(key=lambda record: record.name)
    results = examine(
        facts, [await collect_instance(cluster, one, facts) for one in records]
    )
    if instance and not records and facts.instances.value is not None:
        text = f"there is no ArgoCDInstance {instance} in namespace {namespace}"
        command = f"kubectl -n {namespace} get argocdinstances"
        results.append(wrong("Instance", text, command=command))
    return results
