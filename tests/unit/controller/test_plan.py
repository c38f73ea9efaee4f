"""Plan of the ConfigMap, its findings, and the gathered input."""

from dataclasses import replace

import pytest

from argogrant.argocd.capacity import MAX_BYTES
from argogrant.argocd.overlay import Owner, render_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    Snapshot,
    observe_project,
)
from argogrant.controller.plan import Plan, plan
from argogrant.controller.planner import StateGatherer
from argogrant.controller.store import InstanceRecord, record_instance
from argogrant.grants.checks import InstanceState
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.steps import completed
from support.builders import HOUR, NOON, SECOND, VERIFIED, a_grant, decided, grant_by
from support.live_cluster import INSTANCE, PROJECT, RULES

LEADS = "g, a, leads\np, leads, applications, get, */*, allow\n"
OWNER = Owner(namespace="argogrant", instance="default", uid="u1")
OTHER_INSTANCE = Owner(namespace="argogrant", instance="blue", uid="u2")
FOREIGN_INSTANCE = Owner(namespace="elsewhere", instance="default", uid="u3")
ALICE = Binding("alice", "role:deployer")
EVE = Binding("eve", "role:deployer")


def seen(**data: str) -> Snapshot:
    """An Argo CD with this ConfigMap; ``overlay`` is policy.argogrant.csv."""
    keys = {"overlay": OVERLAY_KEY, "main": "policy.csv"}
    config_map = ObservedConfigMap("7", {keys[key]: data[key] for key in data})
    return Snapshot(
        config_map=config_map,
        text_is_known=True,
        projects=(observe_project(PROJECT),),
        projects_are_known=True,
    )


def overlay(*bindings: Binding, owner: Owner = OWNER) -> str:
    return render_overlay(owner, dict.fromkeys(bindings, NOON + HOUR))


def planned(snapshot: Snapshot, *decisions, living=(OWNER,)) -> Plan:
    return plan(decisions, snapshot, owner=OWNER, living_owners=living)


IN_FORCE = decided(a_grant())
UNKNOWN = decided(a_grant(), rbac_policy_is_known=False)
EXPIRED = decided(a_grant(), NOON + HOUR)


@pytest.mark.parametrize(
    ("now", "decisions", "text", "has_work", "is_urgent"),
    [
        pytest.param(
            seen(), [IN_FORCE], overlay(ALICE), True, False, id="a missing binding"
        ),
        pytest.param(
            seen(overlay=overlay(ALICE)),
            [IN_FORCE],
            None,
            False,
            False,
            id="nothing if the binding exists",
        ),
        pytest.param(
            seen(overlay=overlay(ALICE)),
            [EXPIRED],
            overlay(),
            True,
            True,
            id="an urgent removal",
        ),
        pytest.param(
            seen(overlay=overlay(ALICE)),
            [UNKNOWN],
            None,
            False,
            False,
            id="nothing if the state is unknown",
        ),
        pytest.param(
            seen(),
            [UNKNOWN],
            None,
            False,
            False,
            id="no addition if the state is unknown",
        ),
        pytest.param(
            seen(overlay=overlay(EVE)),
            [IN_FORCE],
            overlay(ALICE),
            True,
            True,
            id="an addition and a removal",
        ),
        pytest.param(seen(), [], None, False, False, id="no key without grants"),
    ],
)
def test_plan_writes(now, decisions, text, has_work, is_urgent) -> None:
    found = planned(now, *decisions)

    assert found.blocked is None
    assert found.overlay is not None
    assert found.overlay.text == text
    assert (found.has_work, found.is_urgent) == (has_work, is_urgent)


def test_shared_binding_ends_with_the_last_grant() -> None:
    long = decided(a_grant(duration=3 * HOUR))
    for decisions in ([IN_FORCE, long], [long, IN_FORCE]):
        found = planned(seen(), *decisions)

        assert found.overlay is not None
        assert "# until 2026-11-24T15:00:00Z\n" in (found.overlay.text or "")


@pytest.mark.parametrize(
    ("now", "living", "reason"),
    [
        pytest.param(
            Snapshot(),
            (OWNER,),
            Reason.INSTANCE_UNAVAILABLE,
            id="a ConfigMap that was not read",
        ),
        pytest.param(
            Snapshot(text_is_known=True),
            (OWNER,),
            Reason.CONFIG_MAP_MISSING,
            id="a missing ConfigMap",
        ),
        pytest.param(
            seen(overlay=overlay(owner=FOREIGN_INSTANCE)),
            (OWNER,),
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            id="an owner in another namespace",
        ),
        pytest.param(
            seen(overlay=overlay(owner=OTHER_INSTANCE)),
            (OWNER, OTHER_INSTANCE),
            Reason.OVERLAY_OWNED_BY_ANOTHER,
            id="another existing owner in the namespace",
        ),
    ],
)
def test_nothing_is_written_with(now, living, reason) -> None:
    found = planned(now, IN_FORCE, living=living)

    assert found.overlay is None
    assert found.blocked is not None
    assert found.blocked.reason is reason
    assert not found.has_work
    assert not found.is_urgent
    assert not found.overlay_exists(now)


def test_overlay_of_a_deleted_instance_is_replaced() -> None:
    found = planned(seen(overlay=overlay(EVE, owner=OTHER_INSTANCE)), IN_FORCE)

    assert found.blocked is None
    assert found.overlay is not None
    assert found.overlay.text == overlay(ALICE)


def test_malformed_unmanaged_line_allows_only_removals() -> None:
    found = planned(seen(main="broken", overlay=overlay(EVE)), IN_FORCE)

    assert found.blocked is not None
    assert found.blocked.reason is Reason.RBAC_TEXT_INVALID
    assert "policy.csv line 1" in found.blocked.message
    assert found.overlay is not None
    assert found.overlay.text == overlay()


REFUSAL = Finding(Reason.NOT_ALLOWED_BY_ARGOCD, "Argo CD does not allow it.")


@pytest.mark.parametrize(
    ("now", "removed"),
    [
        pytest.param(seen(), None, id="no key"),
        pytest.param(
            seen(overlay="g, eve, role:deployer\n"), None, id="a key without an owner"
        ),
        pytest.param(
            seen(overlay=overlay(EVE, owner=FOREIGN_INSTANCE)),
            None,
            id="the key of another namespace",
        ),
        pytest.param(seen(overlay=overlay(ALICE, EVE)), {ALICE, EVE}, id="its own key"),
        pytest.param(
            seen(overlay=overlay(ALICE), main="broken"),
            {ALICE},
            id="its own key beside a malformed line",
        ),
        pytest.param(
            seen(overlay=overlay(EVE, owner=OTHER_INSTANCE)),
            {EVE},
            id="the key of a deleted instance of its namespace",
        ),
        pytest.param(
            seen(overlay=overlay()), set(), id="its own key without a binding"
        ),
    ],
)
def test_instance_that_argocd_does_not_allow_only_removes_its_own_key(
    now, removed
) -> None:
    """The header goes too: it would keep out those that are allowed."""
    found = plan([IN_FORCE], now, owner=OWNER, living_owners=[OWNER], refusal=REFUSAL)

    assert found.blocked is REFUSAL
    assert not found.has_work
    assert found.removes_key is found.overlay_exists(now) is (removed is not None)
    assert found.removed == (removed or set())


def test_unreadable_config_map_is_reported_before_a_refusal() -> None:
    """Who is allowed is unknown then."""
    assert gathered(an_instance_record(), Snapshot()).is_allowed_by_argocd
    found = planned(Snapshot(), UNKNOWN)

    assert found.blocked is not None
    assert found.blocked.reason is Reason.INSTANCE_UNAVAILABLE


@pytest.mark.parametrize(
    ("allowed", "own", "is_allowed"),
    [
        pytest.param(None, "argogrant", True, id="its own without annotation"),
        pytest.param(None, "platform", False, id="another without annotation"),
        pytest.param(("argogrant",), "platform", True, id="a named one"),
        pytest.param(("platform",), "argogrant", False, id="one that is not named"),
    ],
)
def test_permission_of_argocd_is_part_of_the_input(allowed, own, is_allowed) -> None:
    """Also for an instance that cannot be parsed any more."""
    now = seen(main=RULES)
    assert now.config_map is not None
    config_map = replace(now.config_map, allowed_namespaces=allowed)
    gatherer, record = StateGatherer("default", own), an_instance_record()
    snapshot = replace(now, config_map=config_map)
    for one in (record, replace(record, instance=None)):
        found = completed(gatherer.gather(one, snapshot))

        assert found.state.is_allowed_by_argocd is is_allowed
        assert (found.refusal is None) is is_allowed


@pytest.mark.parametrize(
    ("now", "finds"),
    [
        pytest.param(seen(overlay=overlay()), True, id="an empty overlay"),
        pytest.param(seen(), False, id="no key"),
    ],
)
def test_overlay_to_remove_exists(now, finds) -> None:
    assert planned(now).overlay_exists(now) is finds


def gathered(record: InstanceRecord | None, snapshot: Snapshot) -> InstanceState:
    return completed(
        StateGatherer("default", "argogrant").gather(record, snapshot)
    ).state


def an_instance_record(**metadata):
    body = {**INSTANCE, "metadata": {**INSTANCE["metadata"], "uid": "u1", **metadata}}
    return record_instance(body)


def test_input_is_gathered_from_the_config_map_and_projects() -> None:
    facts = gathered(an_instance_record(), seen(main=RULES + LEADS))

    assert facts.exists
    assert facts.rbac_policy_is_known
    assert facts.projects_are_known
    assert {"role:deployer", "proj:team-a:deployer", "leads"} <= facts.roles
    assert "leads" in facts.names_used_as_roles
    assert not facts.unreadable_projects


@pytest.mark.parametrize(
    ("record", "now", "exists", "is_known"),
    [
        pytest.param(None, seen(), False, True, id="no instance"),
        pytest.param(
            an_instance_record(deletionTimestamp="2026-11-24T12:00:00Z"),
            seen(),
            False,
            True,
            id="an instance that is being deleted",
        ),
        pytest.param(
            an_instance_record(),
            Snapshot(),
            True,
            False,
            id="a ConfigMap that was not read",
        ),
    ],
)
def test_missing_object_is_part_of_the_input(record, now, exists, is_known) -> None:
    facts = gathered(record, now)

    assert (facts.exists, facts.rbac_policy_is_known) == (exists, is_known)


def test_invalid_project_is_part_of_the_input() -> None:
    broken = {
        "metadata": {"name": "team-b"},
        "spec": {"roles": [{"name": "r", "policies": ["broken"]}]},
    }
    snapshot = Snapshot(
        config_map=seen().config_map,
        text_is_known=True,
        projects=(observe_project(broken),),
        projects_are_known=True,
    )
    facts = gathered(an_instance_record(), snapshot)

    assert set(facts.unreadable_projects) == {"team-b"}
    assert "AppProject team-b line 2" in facts.unreadable_projects["team-b"]


def test_input_is_gathered_again_only_after_a_change() -> None:
    """Decisions are kept as long as their input is the same object."""
    gatherer, record = StateGatherer("default", "argogrant"), an_instance_record()
    first = completed(gatherer.gather(record, seen(main=RULES)))
    same = completed(
        gatherer.gather(an_instance_record(), seen(main=RULES, overlay=overlay()))
    )
    other = completed(gatherer.gather(record, seen(main=RULES + LEADS)))

    assert same is first
    assert "leads" in other.state.roles


def by(requester: str, subject: str, age: int = 0, *, is_break_glass: bool = False):
    """Decide about a grant of a verified requester, the older the higher the age."""
    grant = grant_by(
        requester,
        subject=subject,
        created_at=NOON + HOUR - age * SECOND,
        break_glass=is_break_glass,
        justification="down",
    )
    return decided(grant, NOON + HOUR, identities=VERIFIED)


def test_flood_of_one_requester_leaves_capacity_to_others_and_break_glass() -> None:
    """The flood is older, and its oldest bindings are added."""
    flood = [by("mallory", f"m-{n:03}", age=1000 - n) for n in range(200)]
    others = [by("alice", "alice"), by("oncall", "bob", is_break_glass=True)]
    filling = "#" * (MAX_BYTES - len("policy.csv" + OVERLAY_KEY) - 4000)
    found = planned(seen(main=filling), *flood, *others)
    assert found.overlay is not None
    added = {binding.subject for binding in found.overlay.to_add}
    of_flood = sorted(name for name in added if name.startswith("m-"))

    assert {"alice", "bob"} <= added
    assert of_flood == [f"m-{n:03}" for n in range(len(of_flood))]
    assert 30 < len(of_flood) < 60
    assert found.obstacle_to(flood[-1].grant.binding) == found.capacity_finding
    assert found.obstacle_to(others[0].grant.binding) is None


def test_break_glass_grant_binds_what_an_ordinary_grant_waits_for() -> None:
    """They share the binding."""
    filling = "#" * (MAX_BYTES - len("policy.csv" + OVERLAY_KEY) - 300)
    ordinary = by("alice", "alice" * 16, age=10)
    urgent = by("oncall", "alice" * 16, is_break_glass=True)
    waits, binds = (
        planned(seen(main=filling), *decisions).overlay
        for decisions in ([ordinary], [ordinary, urgent])
    )

    assert waits is not None
    assert not waits.to_add
    assert binds is not None
    assert binds.to_add == {ordinary.grant.binding}
