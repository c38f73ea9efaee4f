"""Other people: their grants end, are revoked and are deleted, and argocd-server is
asked until it says no."""

import itertools
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from argogrant.argocd.overlay import read_overlay
from argogrant.grants.model.grant import Binding
from controlplane.api import APIClient
from controlplane.errors import APIRequestFailed, ArgoCDBroken, ArgoCDUnreachable
from controlplane.plane import ControlPlane
from hostile.verdict import PATIENCE, Ended
from support.live_cluster import a_grant, after

SPOKESMAN: Final = "erin"
"""Account of Argo CD whose token carries the group that a question is about."""
WINDOW: Final = 1.5
"""Seconds from the moment at which an end is moved until that end."""
ASK_SECONDS: Final = 0.02
EDITED: Final = "policy.by-hand.csv"
"""Key of the admin who edits the ConfigMap without argogrant."""
ENDS: Final = (Ended.EXPIRY, Ended.REVOCATION, Ended.DELETION)
_numbers = itertools.count(1)


class Innocents:
    """People who request access for groups, and end it again.

    Args:
        plane: Control plane with the scene.
        requester: Who they say they are, where nobody verifies it.
    """

    def __init__(self, plane: ControlPlane, requester: Mapping[str, Any]) -> None:
        self._requester = dict(requester)
        self._argocd = plane.argocd
        self._admin = plane.api("argogrant")
        self._alice = APIClient(json.loads(plane.kubeconfig("alice").read_text()))
        self.known: set[str] = set()
        """Names of all their grants."""

    def request(self, **spec: Any) -> str:
        """Create a grant for a new group; return the name of both."""
        name = f"victim-{next(_numbers)}"
        role = {"name": "role:deployer"}
        spec = {"expiresAt": after(3600), "role": role, **self._requester, **spec}
        body = a_grant(name, **spec)
        body["spec"]["subject"] = {"kind": "Group", "name": name}
        self._alice.create(body)
        self.known.add(name)
        return name

    def bind(self, **spec: Any) -> str:
        """Request access, and wait until it is bound and recorded.

        Raises:
            TimeoutError: That did not happen in time.
        """
        name = self.request(**spec)
        if self.seconds_until_bound(name) >= PATIENCE:
            raise TimeoutError(f"{name} was not bound: {self.ready(name)}")
        return name

    def seconds_until_bound(self, name: str) -> float:
        """Wait until a grant is effective and its status says so."""
        return _seconds_until(lambda: self.may(name) and self.ready(name) == "Bound")

    def seconds_until_allowed(self, name: str) -> float:
        """Wait until a grant is effective, whatever its status says."""
        return _seconds_until(lambda: self.may(name))

    def ready(self, name: str) -> str:
        """Return the reason of a grant's Ready condition, or an empty text."""
        grant = self._admin.find("accessgrant", name, namespace="argogrant") or {}
        for condition in grant.get("status", {}).get("conditions", ()):
            if condition["type"] == "Ready":
                return str(condition["reason"])
        return ""

    def may(self, group: str) -> bool:
        """Ask argocd-server whether a group has access."""
        try:
            return self._argocd.can_i(
                SPOKESMAN, "applications", "sync", "team-a/shop", groups=[group]
            )
        except (ArgoCDBroken, ArgoCDUnreachable):
            return True  # Neither yes nor no: the access has not been revoked.

    def end(self, names: dict[Ended, str]) -> dict[Ended, float]:
        """End one grant in each of three ways, and then measure an edit by hand.

        Returns:
            The seconds of each until argocd-server said no; ``PATIENCE`` for never.
        """
        ways = {
            Ended.EXPIRY: self._let_expire,
            Ended.REVOCATION: self.revoke,
            Ended.DELETION: self._delete,
        }
        with ThreadPoolExecutor(len(names)) as pool:
            ending = {
                ended: pool.submit(self._seconds_to_no, ways[ended], name)
                for ended, name in names.items()
            }
            measured = {ended: one.result() for ended, one in ending.items()}
        return {**measured, Ended.EDIT: self.edit_by_hand()}

    def seconds_until_denied(self, name: str, since: float) -> float:
        """Ask until argocd-server says no; return the seconds since a wall time."""
        _seconds_until(lambda: not self.may(name))
        return max(0.0, time.time() - since)

    def revoke(self, name: str) -> float:
        """Set ``spec.revoked``; return the time at which it was set."""
        return self._patch(name, {"revoked": True})

    def move_end(self, name: str, end: str) -> None:
        """Set ``spec.expiresAt``."""
        self._patch(name, {"expiresAt": end})

    def is_written(self, group: str, end: str, *, within: float) -> bool:
        """Wait until Argo CD's ConfigMap contains an end, for the sweep."""
        binding, expected = Binding(group, "role:deployer"), datetime.fromisoformat(end)

        def is_written() -> bool:
            body = self._admin.find("configmap", "argocd-rbac-cm", namespace="argocd")
            overlay = read_overlay((body or {}).get("data") or {})
            return overlay is not None and overlay.ends.get(binding) == expected

        return _seconds_until(is_written, within) < within

    def _let_expire(self, name: str) -> float:
        end = after(WINDOW + 0.5)
        self.move_end(name, end)
        instant = datetime.fromisoformat(end).timestamp()
        time.sleep(max(0.0, instant - time.time()))
        return instant

    def _delete(self, name: str) -> float:
        self._admin.delete("accessgrant", name, namespace="argogrant", wait=False)
        return time.time()

    def seconds_to_delete(self, name: str) -> float:
        """Delete a grant as ``kubectl delete`` does; return the seconds it took."""
        self._delete(name)
        find = self._admin.find
        return _seconds_until(
            lambda: not find("accessgrant", name, namespace="argogrant")
        )

    def edit_by_hand(self) -> float:
        """Add a line to ``argocd-rbac-cm`` and remove it; return how long that took."""
        group = f"by-hand-{next(_numbers)}"
        self._edit(f"g, {group}, role:deployer\n")
        _seconds_until(lambda: self.may(group))
        began = time.time()
        self._edit(None)
        return self.seconds_until_denied(group, began)

    def clean(self) -> None:
        """Delete all grants of these people, without waiting."""
        for name in sorted(self.known):
            try:
                self._delete(name)
            except APIRequestFailed as error:
                if error.status != 404:
                    raise
        self.known.clear()

    def _edit(self, text: str | None) -> None:
        patch = {"data": {EDITED: text}}
        self._admin.patch("configmap", "argocd-rbac-cm", patch, namespace="argocd")

    def _seconds_to_no(self, way: Callable[[str], float], name: str) -> float:
        return self.seconds_until_denied(name, way(name))

    def _patch(self, name: str, spec: dict[str, Any]) -> float:
        self._alice.patch("accessgrant", name, {"spec": spec}, namespace="argogrant")
        return time.time()


def _seconds_until(question: Callable[[], bool], within: float = PATIENCE) -> float:
    """Ask until the answer is yes; return the seconds, ``within`` if it never is."""
    began = time.monotonic()
    while not question():
        if time.monotonic() - began > within:
            return within
        time.sleep(ASK_SECONDS)
    return time.monotonic() - began
