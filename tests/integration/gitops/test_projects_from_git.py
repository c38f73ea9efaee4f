"""AppProjects in Git whose roles have members from grants.

The manifests are those of the how-to page, applied by Argo CD's own controller.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import doc_pages
from support.git_repository import (
    NO_COLLECTOR,
    SECOND_SYNC_SECONDS,
    SYNC_SECONDS,
    Application,
    Repository,
)
from support.live_cluster import INSTANCE, World, a_grant, after, eventually, throughout

pytestmark = pytest.mark.long

PAGE = doc_pages.ROOT / "docs/how-to/appproject-mode.md"
RIGHTS = doc_pages.ROOT / "manifests/argocd-appprojects.yaml"
QUIET_SECONDS = 8
"""More than one of Argo CD's rounds."""
FILE = "projects/team.yaml"
APPLY_MODES = [
    pytest.param(["ServerSideApply=true"], id="server-side apply"),
    pytest.param([], id="client-side apply"),
]


def shown(kind: str) -> dict[str, Any]:
    """The one object of a kind that the page shows."""
    bodies = [
        body
        for block in doc_pages.blocks_of(PAGE, PAGE.read_text())
        if block.language == "yaml"
        for body in yaml.safe_load_all(block.text)
    ]
    (found,) = (body for body in bodies if body["kind"] == kind)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Team:
    """The AppProject of the page, by a name of this test alone.

    The operator remembers for ten minutes who has removed members of which project.
    """

    world: World
    name: str

    def in_git(
        self, description: str = "", groups: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The AppProject as it is committed, with more in its role."""
        text = json.dumps(shown("AppProject")).replace("team-b", self.name)
        body: dict[str, Any] = json.loads(text)
        role = body["spec"]["roles"][0]
        role.update({"description": description} if description else {})
        role.update({"groups": list(groups)} if groups else {})
        return body

    def grant(self, name: str, subject: str = "alice") -> dict[str, Any]:
        role = {"project": self.name, "name": "deployer"}
        return a_grant(name, subject, role=role, expiresAt=after(3600))

    def role(self) -> dict[str, Any]:
        """The role as Argo CD has it now."""
        project = self.world.appproject(self.name)
        role: dict[str, Any] = project["spec"]["roles"][0]
        return role

    def may_sync(self) -> bool:
        return self.world.may_sync(project=self.name)


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """The usual world, in which grants of a project's role are members of it."""
    plane = world.plane
    plane.apply(RIGHTS)
    mode = shown("ArgoCDInstance")["spec"]
    world.apply({**INSTANCE, "spec": mode})
    yield world
    world.delete_all("accessgrant")
    world.apply(INSTANCE)
    plane.kubectl("delete", "-f", str(RIGHTS))


@pytest.fixture
def team(world: World, tmp_path: Path) -> Iterator[Team]:
    one = Team(world, tmp_path.name.replace("_", "-").lower())
    yield one
    world.argocds("delete", "appproject", one.name, "--ignore-not-found")


@pytest.fixture
def projects(team: Team) -> Iterator[Application]:
    """The page's Application, to be created; it goes before the AppProject does."""
    one = Application(team.world, "projects")
    yield one
    one.delete()


def create(
    world: World,
    repository: Repository,
    options: list[str],
    *,
    ignoring: bool = True,
) -> None:
    """Apply the Application of the page; only the repository and the mode differ."""
    body = shown("Application")
    body["spec"]["source"]["repoURL"] = repository.url
    body["spec"]["syncPolicy"]["syncOptions"] = [NO_COLLECTOR, *options]
    if not ignoring:
        del body["spec"]["ignoreDifferences"]
    world.apply(body)


@pytest.mark.parametrize("options", APPLY_MODES)
def test_member_survives_self_heal_and_commits(
    team: Team, repository: Repository, projects: Application, options: list[str]
) -> None:
    """Other changes to the role in Git are applied."""
    world = team.world
    repository.commit({FILE: team.in_git()})
    create(world, repository, options)
    projects.wait_until_well(within=SYNC_SECONDS)
    time.sleep(SECOND_SYNC_SECONDS)
    world.apply(team.grant("held"))
    eventually(team.may_sync, within=30)
    throughout(team.may_sync, until=after(QUIET_SECONDS))
    repository.commit({FILE: team.in_git("Deploys what the team has.")})
    projects.refresh()
    eventually(lambda: team.role().get("description"), within=SYNC_SECONDS)
    projects.wait_until_well(within=SYNC_SECONDS)
    time.sleep(SECOND_SYNC_SECONDS)
    eventually(team.may_sync, within=30)
    throughout(team.may_sync, until=after(QUIET_SECONDS))

    assert projects.is_well()
    assert world.instance_says("Contested")[0] == "False"
    world.delete("held")
    eventually(lambda: not team.may_sync(), within=10)
    assert not team.role().get("groups")


def test_grant_from_git_is_a_member_until_it_is_pruned(
    team: Team,
    repository: Repository,
    projects: Application,
    application: Application,
) -> None:
    """One repository has the AppProject and the grant of its role."""
    repository.commit(
        {FILE: team.in_git(), "grants/alice.yaml": team.grant("from-git-alice")}
    )
    create(team.world, repository, ["ServerSideApply=true"])
    projects.wait_until_well(within=SYNC_SECONDS)
    application.create(
        repository, "grants", namespace="argogrant", options=("ServerSideApply=true",)
    )
    eventually(team.may_sync, within=SYNC_SECONDS)
    assert team.role()["groups"] == ["alice"]
    repository.commit(
        {"grants/alice.yaml": None, "grants/dave.yaml": team.grant("next", "dave")}
    )
    application.refresh()
    eventually(lambda: not team.may_sync(), within=SYNC_SECONDS)

    eventually(lambda: team.role()["groups"] == ["dave"], within=SYNC_SECONDS)


def test_group_removed_in_git_stays_in_a_role_with_ignored_groups(
    team: Team, repository: Repository, projects: Application
) -> None:
    """The page therefore keeps permanent members in another role."""
    repository.commit({FILE: team.in_git(groups=("carol",))})
    create(team.world, repository, ["ServerSideApply=true"])
    projects.wait_until_well(within=SYNC_SECONDS)
    repository.commit({FILE: team.in_git()})
    projects.refresh()
    time.sleep(QUIET_SECONDS)
    projects.wait_until_well(within=SYNC_SECONDS)

    assert team.role()["groups"] == ["carol"]


def test_without_ignore_differences_self_heal_is_reported_as_contested(
    team: Team, repository: Repository, projects: Application
) -> None:
    """The grant still expires on time."""
    world = team.world
    repository.commit({FILE: team.in_git(groups=("carol",))})
    create(world, repository, ["ServerSideApply=true"], ignoring=False)
    projects.wait_until_well(within=SYNC_SECONDS)
    world.apply(team.grant("fought-over"))
    eventually(lambda: world.instance_says("Contested")[0] == "True", within=60)

    assert "argocd-controller" in world.instance_says("Contested")[2]
    world.delete("fought-over")
    eventually(lambda: not team.may_sync(), within=10)
    assert team.role()["groups"] == ["carol"]
