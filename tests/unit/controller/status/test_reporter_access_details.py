"""Access details in the status of grants."""

import asyncio

from support.in_memory_operator import GRANTS, SETTLED, InMemoryOperator, an_operator


def details(operator: InMemoryOperator, name: str) -> str:
    text: str = operator.cluster.object(f"{GRANTS}/{name}")["status"]["accessDetails"]
    return text


async def test_changed_access_details_are_written_to_active_grants_only() -> None:
    async with an_operator() as operator:
        operator.edit_instance(url="https://a.dev", accessDetails="{subject}: {url}")
        operator.grant("old", "bob", duration="1m")
        operator.grant("g1")
        operator.grant("g2", "carol")
        await asyncio.sleep(60 + SETTLED)
        assert operator.has_ended("old")
        before = operator.cluster.count("merge_patch", GRANTS)
        operator.edit_instance(accessDetails="Log in at {url}")
        await asyncio.sleep(SETTLED)

        assert (
            details(operator, "g1")
            == details(operator, "g2")
            == "Log in at https://a.dev"
        )
        assert details(operator, "old") == "bob: https://a.dev"
        assert operator.cluster.count("merge_patch", GRANTS) == before + 2


async def test_change_of_another_field_writes_no_access_details() -> None:
    async with an_operator() as operator:
        operator.edit_instance(url="https://a.dev", accessDetails="{subject}: {url}")
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        before = operator.cluster.count("merge_patch", GRANTS)
        operator.edit_instance(maxDuration="12h")
        await asyncio.sleep(SETTLED)

        assert operator.cluster.count("merge_patch", GRANTS) == before
