"""Answers of ``argogrant can``, compared with a real argocd-server."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from argogrant.argocd.policy_csv import read_scopes
from argogrant.argocd.simulation.enforcer import (
    RESOURCES,
    EnforceRequest,
    to_enforce_requests,
)
from argogrant.argocd.simulation.evaluate import AccessEvaluator, Rules, TokenSubject
from argogrant.argocd.simulation.sourced_lines import source_config_map
from argogrant.controller.argocd_state import observe_project
from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken
from controlplane.people import NOBODY
from support.live_cluster import PROJECT, RULES, World, a_grant
from support.random_policies import ACTIONS, Asker, Author, Rulebook, a_project

SEED = 20261125
TEXTS = 32
QUESTIONS = 20
SENTINEL = "zz-settled"
PATIENCE = 10.0
_NONCES = itertools.count()


@pytest.fixture
def judge(plane: ControlPlane) -> Iterator["RealJudge"]:
    judge = RealJudge(plane)
    yield judge
    judge.clear()


class RealJudge:
    """An argocd-server that is given one rulebook after the other."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._argocd = plane.argocd

    def load(self, book: Rulebook) -> None:
        """Wait until argocd-server uses exactly these rules.

        Argo CD sees projects in the order of their writes: the last one stands for
        all. They change while no policy could hide it.
        """
        self._load_text({})
        nonce = self._nonce()
        rule = f"p, proj:{SENTINEL}:r, applications, get, {SENTINEL}/{nonce}, allow"
        role = {"name": "r", "policies": [rule], "groups": [NOBODY]}
        self._plane.apply(*book.projects, a_project(SENTINEL, [role]))
        asked = ("applications", "get", f"{SENTINEL}/{nonce}")
        self._wait(lambda: self._argocd.can_i(NOBODY, *asked))
        self._load_text(book.data)

    def break_by(self, book: Rulebook) -> None:
        """Set a policy that argocd-server cannot parse."""
        self._argocd.set_rbac(book.data)

    def says(self, asker: Asker, question: EnforceRequest) -> bool:
        """Ask argocd-server."""
        asked = (question.resource, question.action, question.object)
        return self._argocd.can_i(asker.account, *asked, claims=asker.claims)

    def clear(self) -> None:
        """Leave no project behind."""
        names = ("team-a", "team-b", SENTINEL)
        self._plane.kubectl(
            *("-n", "argocd", "delete", "appproject", "--ignore-not-found", *names)
        )

    def _load_text(self, data: Mapping[str, str]) -> None:
        """Set the text, and wait until it counts and no former one does."""
        nonce, other = self._nonce(), self._nonce()
        line = f"p, {NOBODY}, extensions, invoke, {nonce}, allow"
        key = {"policy.zz-settled.csv": line}
        self._argocd.set_rbac({**data, **key}, settle=False)
        self._wait(
            lambda: (
                self._argocd.can_i(NOBODY, "extensions", "invoke", nonce)
                and (
                    bool(data)
                    or not self._argocd.can_i(NOBODY, "extensions", "invoke", other)
                )
            )
        )

    def _wait(self, question: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not question():
            assert time.monotonic() - began < PATIENCE, "it does not take that in"
            time.sleep(0.01)

    def _nonce(self) -> str:
        return f"n{time.time_ns()}-{next(_NONCES)}"


def ours(book: Rulebook) -> AccessEvaluator:
    """Return the evaluator of argogrant for the same objects."""
    projects: list[dict[str, Any]] = [dict(one) for one in book.projects]
    return AccessEvaluator(
        Rules(
            lines=source_config_map(book.data),
            default_role=book.data.get("policy.default", ""),
            match_mode=book.data.get("policy.matchMode", ""),
            projects=tuple(map(observe_project, projects)),
        )
    )


def person(asker: Asker, book: Rulebook) -> TokenSubject:
    """Read the claims of a user as Argo CD does."""
    found = [
        asker.claims.get(c, []) for c in read_scopes(book.data.get("scopes", "")) or ()
    ]
    values = [[one] if isinstance(one, str) else list(one) for one in found]
    return TokenSubject(
        user_id=asker.account,
        compared=tuple(itertools.chain.from_iterable(values)),
    )


def say(
    judge: AccessEvaluator, somebody: TokenSubject, question: EnforceRequest
) -> bool:
    asked = to_enforce_requests(question, namespace="argocd", settings={})
    return any(judge.evaluate(somebody, one).is_allowed for one in asked)


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
