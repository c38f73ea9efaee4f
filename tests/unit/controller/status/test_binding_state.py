"""What Argo CD may still obey, from the decisions, the plan and what is seen."""

from typing import Any

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.controller.status.binding_state import BindingState
from argogrant.grants.model.reasons import Finding, Reason
from support.builders import NOON, a_grant, an_instance

BOUND = ObservedConfigMap("1", {OVERLAY_KEY: "g, alice, role:deployer\n"})
EMPTY = ObservedConfigMap("2", {})
IGNORED = ObservedConfigMap("3", {"scopes": "groups, email"})
"""What Argo CD does not take in, since its scopes are no list."""


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


def standing(
    *records: GrantRecord, blocked: Reason | None, **seen: Any
) -> BindingState:
    decisions = DecisionCache()
    decisions.update(records, an_instance(), NOON)
    finding = blocked and Finding(blocked, "It is so.")
    return BindingState(
        decisions, Plan(overlay=None, blocked=finding), Snapshot(**seen)
    )


@pytest.mark.parametrize(
    ("records", "blocked", "seen", "certain", "gone"),
    [
        pytest.param(
            [DELETED], None, {"config_map": BOUND}, True, False, id="it is there"
        ),
        pytest.param(
            [DELETED], None, {"config_map": EMPTY}, True, True, id="it is not there"
        ),
        pytest.param(
            [DELETED],
            None,
            {"config_map": EMPTY, "last_loaded_config_map": BOUND},
            True,
            True,
            id="and was there before",
        ),
        pytest.param(
            [DELETED, a_record("u2")],
            None,
            {"config_map": BOUND},
            True,
            True,
            id="another grant wants it",
        ),
        pytest.param(
            [DELETED],
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            {"config_map": BOUND, "last_loaded_config_map": BOUND},
            True,
            True,
            id="it is another's",
        ),
        pytest.param(
            [DELETED],
            Reason.CONFIG_MAP_MISSING,
            {"last_loaded_config_map": BOUND},
            False,
            False,
            id="it was there when it was last seen",
        ),
        pytest.param(
            [DELETED],
            Reason.CONFIG_MAP_MISSING,
            {"last_loaded_config_map": EMPTY},
            False,
            True,
            id="it was not there when it was last seen, which is not certain",
        ),
        pytest.param(
            [DELETED],
            Reason.INSTANCE_UNAVAILABLE,
            {"config_map": EMPTY, "last_loaded_config_map": EMPTY},
            False,
            True,
            id="nothing can be written",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": EMPTY},
            True,
            True,
            id="removals go through",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": IGNORED, "last_loaded_config_map": BOUND},
            False,
            False,
            id="Argo CD has not taken in the removal",
        ),
        pytest.param(
            [DELETED],
            Reason.RBAC_TEXT_INVALID,
            {"config_map": IGNORED, "last_loaded_config_map": EMPTY},
            False,
            True,
            id="Argo CD had taken in the removal before",
        ),
    ],
)
def test_of_a_deleted_grant(records, blocked, seen, certain, gone) -> None:
    stands = standing(*records, blocked=blocked, **seen)
    decision = stands.decisions.get(DELETED.uid)

    assert stands.is_confirmed is certain
    assert stands.is_gone(decision) is gone
