"""Manifests of the page about grants from Git, applied by Argo CD's controller."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support import doc_pages
from support.git_repository import NO_COLLECTOR, SYNC_SECONDS, Application, Repository
from support.live_cluster import RULES, World, after, eventually

pytestmark = pytest.mark.long

FOLDER = "07-from-git"
MANIFEST = doc_pages.EXAMPLES / FOLDER / "project.yaml"
FOREIGN = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "not-a-grant"},
}


def shown(repository: Repository) -> list[dict[str, Any]]:
    """The AppProject and the Application of the page; only the repository differs."""
    project, application = yaml.safe_load_all(MANIFEST.read_text())
    project["spec"]["sourceRepos"] = [repository.url]
    application["spec"]["source"]["repoURL"] = repository.url
    application["spec"]["syncPolicy"]["syncOptions"].append(NO_COLLECTOR)
    return [project, application]


@pytest.fixture
def access(world: World, repository: Repository) -> Iterator[Application]:
    """The Application of the page, which applies the grant of the page."""
    world.plane.argocd.set_rbac({"policy.csv": RULES, "scopes": "[groups, email]"})
    repository.commit(
        {
            "grants/README.md": "Grants, one a file.\n",
            "grants/alice.yaml": doc_pages.example(FOLDER, expiresAt=after(3600)),
        }
    )
    one = Application(world, "access")
    world.apply(*shown(repository))
    yield one
    one.delete()
    world.argocds("delete", "appproject", "access")


def alice_may_sync(world: World) -> bool:
    return world.plane.argocd.can_i(
        "dave",
        *("applications", "sync", "team-a/shop"),
        claims={"email": "alice@example.com"},
    )


def test_grant_of_the_page_gives_access_until_it_is_pruned(
    world: World, repository: Repository, access: Application
) -> None:
    eventually(lambda: alice_may_sync(world), within=SYNC_SECONDS)
    access.wait_until_well(within=SYNC_SECONDS)
    repository.commit({"grants/alice.yaml": None})
    access.refresh()
    eventually(lambda: not alice_may_sync(world), within=SYNC_SECONDS)


def test_project_of_the_page_rejects_other_kinds(
    world: World, repository: Repository, access: Application
) -> None:
    access.wait_until_well(within=SYNC_SECONDS)
    repository.commit({"grants/foreign.yaml": FOREIGN})
    access.refresh()
    eventually(
        lambda: "not permitted in project access" in access.said(),
        within=SYNC_SECONDS,
    )

    assert not world.exists("configmap", "not-a-grant")
