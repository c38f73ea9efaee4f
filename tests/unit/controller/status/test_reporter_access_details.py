"""Access details in the status of grants."""

import asyncio

from support.in_memory_operator import GRANTS, SETTLED, Room, a_room


def details(room: Room, name: str) -> str:
    text: str = room.cluster.object(f"{GRANTS}/{name}")["status"]["accessDetails"]
    return text


async def test_changed_access_details_are_written_to_active_grants_only() -> None:
    async with a_room() as room:
        room.edit_instance(url="https://a.dev", accessDetails="{subject}: {url}")
        room.grant("old", "bob", duration="1m")
        room.grant("g1")
        room.grant("g2", "carol")
        await asyncio.sleep(60 + SETTLED)
        assert room.has_ended("old")
        before = room.cluster.count("merge_patch", GRANTS)
        room.edit_instance(accessDetails="Log in at {url}")
        await asyncio.sleep(SETTLED)

        assert details(room, "g1") == details(room, "g2") == "Log in at https://a.dev"
        assert details(room, "old") == "bob: https://a.dev"
        assert room.cluster.count("merge_patch", GRANTS) == before + 2


async def test_change_of_another_field_writes_no_access_details() -> None:
    async with a_room() as room:
        room.edit_instance(url="https://a.dev", accessDetails="{subject}: {url}")
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        before = room.cluster.count("merge_patch", GRANTS)
        room.edit_instance(maxDuration="12h")
        await asyncio.sleep(SETTLED)

        assert room.cluster.count("merge_patch", GRANTS) == before
