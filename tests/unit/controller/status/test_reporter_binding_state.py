"""Bindings that Argo CD has, and those that it may still apply."""

from typing import Any

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache
from argogrant.controller.status.reporter import BindingState
from argogrant.controller.store import GrantRecord
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.steps import completed
from support.builders import NOON, a_grant, an_instance

BOUND = ObservedConfigMap("1", {OVERLAY_KEY: "g, alice, role:deployer\n"})
EMPTY = ObservedConfigMap("2", {})
NOT_LOADABLE = ObservedConfigMap("3", {"scopes": "groups, email"})
"""Argo CD cannot load it: its scopes are not a list."""


def a_record(uid: str = "u1", **overrides: Any) -> GrantRecord:
    grant = a_grant(uid=uid, **overrides)
    return GrantRecord(
        uid=uid,
        namespace=grant.namespace,
        name=uid,
        instance=grant.instance,
        generation=1,
        version="1",
        finalizers=(),
        status={},
        being_deleted=grant.being_deleted,
        force_release=False,
        grant=grant,
    )


DELETED = a_record(being_deleted=True)


def binding_state(
    *records: GrantRecord, blocked: Reason | None, **seen: Any
) -> BindingState:
    decisions = DecisionCache()
    completed(decisions.decide(records, an_instance(), NOON))
    finding = blocked and Finding(blocked, "It is so.")
    return BindingState(
        decisions, Plan(overlay=None, blocked=finding), Snapshot(**seen)
    )


@pytest.mark.parametrize(
    ("records", "blocked", "seen", "is_confirmed", "is_gone"),
    [
        pytest.param([DELETED], None, {"config_map": BOUND}, True, False, id="present"),
        pytest.param([DELETED], None, {"config_map": EMPTY}, True, True, id="absent"),
        pytest.param(
            [DELETED],
            None,
            {"config_map": EMPTY, "last_loaded_config_map": BOUND},
            True,
            True,
            id="removed",
        ),
        pytest.param(
            [DELETED, a_record("u2")],
            None,
            {"config_map": BOUND},
            True,
            True,
            id="wanted by another grant",
        ),
        pytest.param(
            [DELETED],
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            {"config_map": BOUND, "last_loaded_config_map": BOUND},
            True,
            True,
            id="in the key of another instance",
        ),
        pytest.param(
            [DELETED],
            Reason.NOT_ALLOWED_BY_ARGOCD,
            {"config_map": BOUND, "last_loaded_config_map": BOUND},
            True,
            True,
            id="in a key that this instance may not write",
        ),
        pytest.param(
            [DELETED],
            Reason.CONFIG_MAP_MISSING,
            {"last_loaded_config_map": BOUND},
            False,
            False,
            id="in the ConfigMap that was loaded last",
        ),
        pytest.param(
            [DELETED],
            Reason.CONFIG_MAP_MISSING,
            {"last_loaded_config_map": EMPTY},
            False,
            True,
            id="absent in the ConfigMap that was loaded last",
        ),
        pytest.param(
            [DELETED],
            Reason.INSTANCE_UNAVAILABLE,
            {"config_map": EMPTY, "last_loaded_config_map": EMPTY},
            False,
            True,
            id="writes fail",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": EMPTY},
            True,
            True,
            id="removed from a broken policy",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": NOT_LOADABLE, "last_loaded_config_map": BOUND},
            False,
            False,
            id="removed, but not loaded",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": NOT_LOADABLE, "last_loaded_config_map": EMPTY},
            False,
            True,
            id="removed before the ConfigMap became unloadable",
        ),
    ],
)
def test_binding_of_a_deleted_grant(
    records, blocked, seen, is_confirmed, is_gone
) -> None:
    state = binding_state(*records, blocked=blocked, **seen)
    decision = state.decisions.get(DELETED.uid)

    assert state.is_confirmed is is_confirmed
    assert state.is_gone(decision) is is_gone
