"""Git repository in a folder, and Applications that Argo CD applies from it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from controlplane.api import path_of
from support.live_cluster import ARGOCD, World, eventually

BRANCH = "main"
PRE_DELETE = "pre-delete-finalizer.argocd.argoproj.io"
"""Finalizer of Argo CD, without which a deletion runs no hook."""
NO_COLLECTOR = "PrunePropagationPolicy=background"
"""Foreground deletion needs the garbage collector, which does not run here."""
SYNC_SECONDS = 90.0
"""Argo CD polls Git every few seconds here, and backs off between self-heals."""
SECOND_SYNC_SECONDS = 4
"""Argo CD often syncs a commit twice, because its cache lacks the first sync."""
AUTHOR = ("-c", "user.name=author", "-c", "user.email=author@example.com")


class Repository:
    """Git repository of manifests, one object per file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._git("init", "-q", "-b", BRANCH)

    @property
    def url(self) -> str:
        return f"file://{self._folder}"

    def commit(self, files: Mapping[str, dict[str, Any] | str | None]) -> None:
        """Commit files by path, as object or text; None removes a file."""
        for name, body in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if body is None:
                path.unlink()
            else:
                path.write_text(_text_of(body))
        self._commit()

    def commit_folder(self, folder: Path, name: str) -> None:
        """Commit a copy of a folder under another name."""
        shutil.copytree(folder, self._folder / name)
        self._commit()

    def edit(self, name: str, old: str, new: str) -> None:
        """Commit a file in which one text is replaced by another."""
        path = self._folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        path.write_text(text.replace(old, new))
        self._commit()

    def _commit(self) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "Another state")

    def _git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", "-C", self._folder, *AUTHOR, *arguments],
            check=True,
            capture_output=True,
        )


def _text_of(body: dict[str, Any] | str) -> str:
    return body if isinstance(body, str) else yaml.safe_dump(body, sort_keys=False)


class Application:
    """Application of Argo CD for one path of a repository."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._api = world.plane.api(ARGOCD)
        self.name = name

    def create(
        self,
        repository: Repository,
        path: str,
        *,
        namespace: str,
        options: tuple[str, ...] = (),
    ) -> None:
        """Create the Application with automated sync, prune and self-heal."""
        spec = {
            "project": "default",
            "source": {
                "repoURL": repository.url,
                "path": path,
                "targetRevision": BRANCH,
            },
            "destination": {
                "server": "https://kubernetes.default.svc",
                "namespace": namespace,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
                "syncOptions": [NO_COLLECTOR, *options],
            },
        }
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.name, "namespace": "argocd"},
            "spec": spec,
        }
        self._world.apply(body)

    def refresh(self) -> None:
        """Request a refresh of the Application."""
        self._patch({"annotations": {"argocd.argoproj.io/refresh": "normal"}})

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._body().get("status", {})
        return status

    def knows_of_a_hook(self) -> bool:
        """Return whether the Application has the finalizer of a PreDelete hook."""
        return PRE_DELETE in self._body()["metadata"].get("finalizers", ())

    def _body(self) -> dict[str, Any]:
        path = path_of("application", ARGOCD, self.name)
        return self._api.request("GET", path)

    def _patch(self, metadata: dict[str, Any]) -> None:
        patch = {"metadata": metadata}
        self._api.patch("application", self.name, patch, namespace=ARGOCD)

    def says(self) -> tuple[str, str]:
        """Return sync status and health, such as Synced and Healthy."""
        status = self.status()
        sync, health = status.get("sync", {}), status.get("health", {})
        return sync.get("status", ""), health.get("status", "")

    def is_well(self) -> bool:
        return self.says() == ("Synced", "Healthy")

    def wait_until_well(self, *, within: float) -> None:
        """Wait until the last commit is synced and healthy."""
        try:
            eventually(self.is_well, within=within)
        except AssertionError as error:
            shown = ("sync", "health", "conditions", "operationState", "resources")
            state = {key: self.status().get(key) for key in shown}
            raise AssertionError(json.dumps(state, indent=1)) from error

    def health_of(self, kind: str, name: str) -> tuple[str, str]:
        """Return status and message of the health of one of its objects."""
        return self._world.plane.argocd.health_of(self.name, kind, name)

    def act(self, kind: str, name: str, action: str) -> None:
        """Run a resource action on one of its objects."""
        self._world.plane.argocd.act(self.name, kind, name, action)

    def said(self) -> str:
        """Return its conditions and its operation state as JSON."""
        status = self.status()
        shown = {key: status.get(key) for key in ("conditions", "operationState")}
        return json.dumps(shown)

    def syncs(self) -> int:
        """Return the number of syncs in its history."""
        return len(self.status().get("history") or ())

    def exists(self) -> bool:
        found = self._api.find("application", self.name, namespace=ARGOCD)
        return found is not None

    def delete_later(self) -> None:
        """Delete the Application without waiting."""
        self._api.delete("application", self.name, namespace=ARGOCD, wait=False)

    def abandon(self) -> None:
        """Delete the Application without its finalizers."""
        if self.exists():
            self._patch({"finalizers": None})
            self.delete()

    def delete(self) -> None:
        """Delete the Application, but not its objects."""
        if self.exists():
            self._api.delete("application", self.name, namespace=ARGOCD, wait=True)
