"""Every kind of input is changed thousands of times, and the memory stays flat.

The operator runs as it is shipped, and the changes come through a real API server as
fast as it takes them. Each change has other content than all before it, so what is kept
per version shows: after the first fifth the memory has its size, and from then on it
may only grow by ``GROWTH_MEBIBYTES``.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Final

from controlplane.api import APIClient, path_of
from controlplane.plane import ControlPlane
from hostile.attacks.project_admin import members, rule
from hostile.confined_operator import RESYNC_SECONDS, ConfinedOperator
from hostile.positions import ARGOCD, OTHER, OTHER_ARGOCD, OURS, PROJECT
from hostile.scene import Scene
from support.admission_objects import an_approval
from support.live_cluster import a_grant

GROWTH_MEBIBYTES: Final = 8.0
WARM_UP: Final = 0.2
"""Fraction of the changes after which the memory has its size."""
CLIENTS: Final = 4
LINES: Final = 40


def _merge(
    api: APIClient, kind: str, name: str, patch: Mapping[str, Any], namespace: str
) -> None:
    api.patch(kind, name, patch, namespace=namespace)


def _policy_lines(number: int) -> str:
    lines = (f"g, user-{number}-{line}, role:deployer" for line in range(LINES))
    return "p, role:deployer, applications, sync, */*, allow\n" + "\n".join(lines)


def _rbac(api: APIClient, number: int) -> None:
    data = {"policy.csv": _policy_lines(number), "scopes": f"[groups, s{number}]"}
    _merge(api, "configmap", "argocd-rbac-cm", {"data": data}, OTHER_ARGOCD)


def _project(api: APIClient, number: int) -> None:
    policies = [rule(number * LINES + line) for line in range(LINES)]
    roles = [{"name": "deployer", "policies": policies, "groups": [f"g{number}"]}]
    annotations = {"argogrant.dev/members": members(subject=f"somebody-{number}")}
    patch = {"metadata": {"annotations": annotations}, "spec": {"roles": roles}}
    _merge(api, "appproject", PROJECT, patch, ARGOCD)


def _settings(api: APIClient, number: int) -> None:
    oidc = f"name: n{number}\nissuer: https://id{number}.example.com\n"
    data = {"oidc.config": oidc, f"accounts.a{number % 20}": "login"}
    _merge(api, "configmap", "argocd-cm", {"data": data}, ARGOCD)


def _instance(api: APIClient, number: int) -> None:
    spec = {"url": f"https://argocd-{number}.example.com", "maxDuration": "8h"}
    _merge(api, "argocdinstance", "default", {"spec": spec}, OTHER)


def _policy(api: APIClient, number: int) -> None:
    spec = {"justification": {"pattern": f"CHG-{number}"}}
    _merge(api, "accesspolicy", "visitors", {"spec": spec}, OURS)


def _secret(api: APIClient, number: int) -> None:
    data = {"k8s_token": f"token-{number}"}
    _merge(api, "secret", "argocd-prod", {"stringData": data}, OURS)


def _annotated(api: APIClient, number: int) -> None:
    metadata = {"annotations": {"example.com/note": f"{number}" * 200}}
    _merge(api, "accessgrant", "noted", {"metadata": metadata}, OURS)


def _grant(api: APIClient, number: int) -> None:
    api.create(a_grant(f"soaked-{number}", f"somebody-{number}"))
    api.request("DELETE", path_of("accessgrant", OURS, f"soaked-{number}"))


def _approval(api: APIClient, number: int) -> None:
    name = f"soaked-{number}"
    api.create(an_approval(name, grant={"name": f"g{number}", "uid": f"{number}"}))
    api.request("DELETE", path_of("accessapproval", OURS, name))


INPUTS: Final[Mapping[str, Callable[[APIClient, int], None]]] = {
    "argocd-rbac-cm": _rbac,
    "an AppProject": _project,
    "argocd-cm": _settings,
    "an ArgoCDInstance": _instance,
    "an AccessPolicy": _policy,
    "the Secret with a token": _secret,
    "an AccessGrant's annotations": _annotated,
    "AccessGrants, created and deleted": _grant,
    "AccessApprovals, created and deleted": _approval,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """Memory of the operator during the changes of one input, in MiB."""

    name: str
    warm: float
    last: float
    peak: float
    per_second: float

    @property
    def is_flat(self) -> bool:
        """Whether the memory stayed within the limit."""
        return self.last - self.warm <= GROWTH_MEBIBYTES

    @property
    def line(self) -> str:
        """The figures in one line."""
        said = "flat" if self.is_flat else "GROWS"
        return (
            f"{said:6} {self.name}: {self.warm:.1f} MiB, later {self.last:.1f} MiB,"
            f" at most {self.peak:.0f} MiB; {self.per_second:.0f} changes a second"
        )


def soak(
    plane: ControlPlane, folder: Path, changes: int, say: Callable[[str], None]
) -> list[Soaked]:
    """Change every kind of input; return those with which the memory grows."""
    scene = Scene(plane)
    log = folder / "operator.log"
    growing = []
    with scene.prepared():
        operator = ConfinedOperator(plane, log, port=scene.metrics_port)
        plane.apply(a_grant("noted", "intern-noted"))
        try:
            operator.start()
            for name in INPUTS:
                soaked = _soaked(name, plane.api(OURS), operator, changes)
                say(soaked.line)
                growing += [] if soaked.is_flat else [soaked]
                scene.restore_most()
        finally:
            operator.stop()
    return growing


def _soaked(
    name: str, api: APIClient, operator: ConfinedOperator, changes: int
) -> Soaked:
    warm_up = int(changes * WARM_UP)
    operator.forget()
    _change(name, api, range(warm_up))
    warm = operator.settled_mebibytes(RESYNC_SECONDS)
    began = time.monotonic()
    _change(name, api, range(warm_up, changes))
    seconds = time.monotonic() - began
    last = operator.settled_mebibytes(RESYNC_SECONDS)
    assert not operator.exits, f"{name}: {operator.exits[0].description}"
    return Soaked(
        name=name,
        warm=warm,
        last=last,
        peak=operator.peak_mebibytes,
        per_second=(changes - warm_up) / seconds,
    )


def _change(name: str, api: APIClient, numbers: range) -> None:
    """Make the changes with several clients at the same time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(INPUTS[name], repeat(api), numbers):
            pass
