"""Ids of events: equal for one occurrence, different for two."""

import pytest

from argogrant.audit.event import EventType
from argogrant.audit.transitions import (
    ONCE_PER_GRANT,
    event_id,
    orphan_removed,
    version_key,
)
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.stored_condition import StoredCondition
from support.stored_statuses import BINDING, BOUND, NOW


def test_ids_differ_by_object_type_and_key() -> None:
    ids = [
        event_id("u1", EventType.BOUND, ""),
        event_id("u2", EventType.BOUND, ""),
        event_id("u1", EventType.BOUND, "x"),
        event_id("u1", EventType.UNBOUND, ""),
    ]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("event_type", sorted(ONCE_PER_GRANT))
def test_event_that_a_grant_has_once_has_one_id(event_type) -> None:
    assert event_id("u1", event_type, "x") == event_id("u1", event_type, "y")


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({}, id="no status"),
        pytest.param(BOUND, id="other reason"),
        pytest.param(
            {**BINDING, "Ready": BINDING["Ready"]._replace(since=NOW)}, id="other time"
        ),
        pytest.param(
            {**BINDING, "Ended": StoredCondition(status=True, reason="Expired")},
            id="other conditions",
        ),
    ],
)
def test_version_key_differs_by_stored_conditions(stored) -> None:
    assert version_key(stored) != version_key(BINDING)


def test_version_key_ignores_the_order_and_the_messages() -> None:
    same = {
        name: BINDING[name]._replace(message="Other.") for name in reversed(BINDING)
    }

    assert version_key(same) == version_key(BINDING)


def test_orphan_has_one_id_by_binding_and_version_of_the_config_map() -> None:
    def id_of(subject: str, role: str, version: str) -> str:
        key = orphan_removed(Binding(subject, role), version).key
        return event_id("u1", EventType.ORPHAN_REMOVED, key)

    ids = {id_of(*one) for one in (("eve", "r", "7"), ("bob", "r", "7"))}
    ids.add(id_of("eve", "s", "7"))

    assert len(ids) == 3
    assert id_of("eve", "r", "7") in ids
    assert id_of("eve", "r", "8") not in ids
