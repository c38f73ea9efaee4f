"""A real argocd-server that judges one RBAC policy after the other."""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

from argogrant.argocd.policy_csv import read_scopes
from argogrant.argocd.simulation.enforcer import EnforceRequest, to_enforce_requests
from argogrant.argocd.simulation.evaluate import AccessEvaluator, Rules, TokenSubject
from argogrant.argocd.simulation.sourced_lines import source_config_map
from argogrant.controller.argocd_state import observe_project
from controlplane import ControlPlane
from controlplane.people import NOBODY
from support.random_policies import Asker, Rulebook, a_project

SENTINEL = "zz-settled"
PATIENCE = 10.0
_NONCES = itertools.count()


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
        self.load_text({})
        nonce = self._nonce()
        rule = f"p, proj:{SENTINEL}:r, applications, get, {SENTINEL}/{nonce}, allow"
        role = {"name": "r", "policies": [rule], "groups": [NOBODY]}
        self._plane.apply(*book.projects, a_project(SENTINEL, [role]))
        asked = ("applications", "get", f"{SENTINEL}/{nonce}")
        self._wait(lambda: self._argocd.can_i(NOBODY, *asked))
        self.load_text(book.data)

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

    def load_text(self, data: Mapping[str, str]) -> None:
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
