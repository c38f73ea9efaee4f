"""Answers of ``argogrant can``, compared with a real argocd-server."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argogrant.argocd.simulation.enforcer import EnforceRequest
from argogrant.argocd.simulation.evaluate import TokenSubject
from argogrant.argocd.simulation.requests import RESOURCES
from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken
from support.live_cluster import PROJECT, RULES, World, a_grant
from support.random_policies import ACTIONS, Asker, Author, Rulebook
from support.rbac_judge import RealJudge, ours, person, say

SEED = 20261125
TEXTS = 32
QUESTIONS = 20


@pytest.fixture
def judge(plane: ControlPlane) -> Iterator[RealJudge]:
    judge = RealJudge(plane)
    yield judge
    judge.clear()


def test_random_questions_have_the_answers_of_argocd(judge: RealJudge) -> None:
    author = Author(SEED)
    asked, allowed, wrong = 0, 0, []
    for _ in range(TEXTS):
        book = author.rulebook()
        judge.load(book)
        mine = ours(book)
        for _ in range(QUESTIONS):
            asker, question = author.asker(), author.question()
            theirs = judge.says(asker, question)
            asked, allowed = asked + 1, allowed + theirs
            if say(mine, person(asker, book), question) is not theirs:
                wrong.append((theirs, question, asker, book))
    print(f"seed {SEED}: {asked} asked, {allowed} allowed, {len(wrong)} differ")

    assert not wrong, wrong[:3]
    assert asked >= 500
    assert asked // 5 < allowed < asked * 4 // 5, "the questions are too easy"


@pytest.mark.parametrize(
    "line", ["p, alice, applications", "g, alice", 'g, a"b, role:admin', "x, a, b"]
)
def test_malformed_line_refuses_all_access(judge: RealJudge, line: str) -> None:
    question = EnforceRequest(resource="projects", action="get", object="p")
    book = Rulebook(data={"policy.csv": "g, alice, role:admin\n" + line}, projects=())
    judge.break_by(book)

    with pytest.raises(ArgoCDBroken):
        judge.says(Asker("alice"), question)
    assert not say(ours(book), TokenSubject(user_id="alice"), question)


def test_built_in_roles_equal_those_of_argocd(judge: RealJudge) -> None:
    """Every action of every resource, for both roles."""
    book = Rulebook(
        data={"policy.csv": "g, alice, role:admin\ng, bob, role:readonly"}, projects=()
    )
    judge.load(book)
    mine = ours(book)
    for resource, action, about, who in itertools.product(
        sorted(RESOURCES), ACTIONS, ("x", "x/y"), ("alice", "bob")
    ):
        question = EnforceRequest(resource=resource, action=action, object=about)

        assert say(mine, TokenSubject(user_id=who), question) is judge.says(
            Asker(who), question
        ), (who, question)


def can(kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", "can", "-n", "argogrant", *words],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def argocd(installed: ControlPlane) -> Iterator[World]:
    """Rules, a project, and a grant without an operator."""
    world = World(installed)
    installed.argocd.set_rbac({"policy.csv": RULES})
    world.apply(
        PROJECT, a_grant("hotfix", role={"name": "deployer", "project": "team-a"})
    )
    yield world
    world.delete("hotfix")


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_command_prints_the_answer_of_argocd(argocd: World, account: str) -> None:
    told = can(
        argocd.plane.kubeconfig(), account, "sync", "applications", "team-a/shop"
    )
    answer = argocd.may_sync(account)

    assert told.stderr == ""
    assert told.returncode == (0 if answer else 1)
    assert told.stdout.splitlines()[0] == ("yes" if answer else "no")


def test_grant_gives_what_the_command_predicted(argocd: World) -> None:
    asked = ("alice", "sync", "applications", "team-a/shop", "--with", "hotfix")
    told = can(argocd.plane.kubeconfig(), *asked)
    binding = "g, alice, proj:team-a:deployer\n"
    before = argocd.may_sync("alice")
    argocd.plane.argocd.set_rbac({"policy.csv": RULES + binding})

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("yes\n")
    assert "Currently, without AccessGrant hotfix: no." in told.stdout
    assert (before, argocd.may_sync("alice")) == (False, True)


def test_caller_without_permission_gets_no_answer(argocd: World) -> None:
    asked = ("alice", "sync", "applications", "team-a/shop")
    told = can(argocd.plane.kubeconfig("erin"), *asked)

    assert (told.returncode, told.stdout) == (2, "")
    assert "cannot get resource" in told.stderr
    assert told.stderr.count("\n") == 1
