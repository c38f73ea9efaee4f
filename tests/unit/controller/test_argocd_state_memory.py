"""Nothing is kept per version of an object that other people write."""

import gc
import json
from collections.abc import Iterator
from functools import _lru_cache_wrapper

import pytest

from argogrant.argocd.appproject.members import sweep_members
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.argocd.roles import discover_roles
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.controller.store import record_grant
from argogrant.grants.effectiveness import LoginConfig, check_effectiveness
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.untrusted_text import SHORT
from support.appprojects import END, with_alice
from support.live_cluster import a_grant

VERSIONS = 1000
OF_CLAIMS = 48
"""Entries of the caches for a list of claims, whose text has at most 4,096 bytes."""
DATE = "2026-11-24T13:00:00Z"


def config_map(version: str, previous: object) -> ObservedConfigMap:
    """Read, parse and use one version of argocd-rbac-cm."""
    data = {
        "policy.csv": f"p, role:a, {version}, {version}*, *, allow\ng, {version}, a",
        "policy.default": version,
        "scopes": f"[{version}]",
        OVERLAY_KEY: f"# until {version}\ng, {version}, role:a\n",
    }
    body = {"metadata": {"resourceVersion": "1"}, "data": data}
    before = previous if isinstance(previous, ObservedConfigMap) else None
    observed = observe_config_map(body, before)
    assert observed.overlay is not None
    discover_roles(observed.unmanaged, ())
    login = LoginConfig(claims=observed.unmanaged.claims)
    for kind in SubjectKind:
        subject = Subject(kind=kind, name=f"{version}@example.com")
        check_effectiveness(subject, "role:a", login)
    return observed


def app_project(version: str, _previous: object) -> object:
    """Read, parse and sweep one version of an AppProject."""
    annotation = json.loads(with_alice().members or "")
    annotation["members"][0] |= {"subject": version, "known": [version]}
    metadata = {
        "name": "a",
        "annotations": {MEMBERS_ANNOTATION: json.dumps(annotation)},
    }
    role = {
        "name": "deployer",
        "policies": [f"p, proj:a:deployer, {version}, {version}?, a/*, allow"],
        "groups": [version],
    }
    project = observe_project({"metadata": metadata, "spec": {"roles": [role]}})
    sweep_members(project, END)
    discover_roles(observe_config_map({}).unmanaged, [project])
    return project


def login_settings(version: str, _previous: object) -> object:
    """Read one version of argocd-cm."""
    return read_settings({f"accounts.{version}": "login", "oidc.config": version})


def access_grant(version: str, _previous: object) -> object:
    """Read one version of an AccessGrant."""
    metadata = {"creationTimestamp": DATE, "labels": {"a": version}}
    spec = {**a_grant("g", subject=version)["spec"], "justification": version}
    return record_grant(
        {"metadata": metadata, "spec": spec, "status": {"url": version}}
    )


@pytest.mark.parametrize(
    "read", [config_map, app_project, login_settings, access_grant]
)
def test_caches_keep_no_version(read) -> None:
    previous: object = None
    for number in range(VERSIONS):
        version = f"version-{number:04}-{'x' * SHORT}"
        previous = read(version, previous)
    kept = [text for text in texts_in_caches() if "version-" in text]

    assert len(kept) <= OF_CLAIMS


def texts_in_caches() -> Iterator[str]:
    """Yield the texts that the caches of the operator refer to."""
    pending: list[object] = [
        one
        for one in gc.get_objects()
        if isinstance(one, _lru_cache_wrapper)
        and one.__wrapped__.__module__.startswith("argogrant.")
    ]
    assert pending
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        is_code = callable(one) and not isinstance(one, _lru_cache_wrapper)
        if id(one) in seen or is_code:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one
        pending += gc.get_referents(one)
