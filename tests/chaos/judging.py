"""Continuous questions to argocd-server, which record every wrong yes."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from chaos.argocd_edits import STANDING
from chaos.model import Answer, Model, Pair
from chaos.operations import ROLES, SUBJECTS
from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken
from controlplane.people import NOBODY

PAUSE_SECONDS = 0.15
PAIRS = tuple(
    Pair(subject, role)
    for subject in (*SUBJECTS, STANDING.subject, NOBODY)
    for role in ROLES
)
_QUESTIONS = {
    "role:deployer": ("applications", "sync", "shop/web"),
    "role:cleaner": ("applications", "delete", "shop/web"),
    "proj:team-a:deployer": ("applications", "sync", "team-a/web"),
}
_SPEAKS_FOR_GROUPS = "erin"


def ask(plane: ControlPlane, pair: Pair) -> Answer:
    """Return argocd-server's answer to one question."""
    kind, _, name = pair.subject.rpartition(":")
    account, groups = (_SPEAKS_FOR_GROUPS, (name,)) if kind else (name, ())
    try:
        allowed = plane.argocd.can_i(account, *_QUESTIONS[pair.role], groups=groups)
    except ArgoCDBroken:
        return Answer.BROKEN
    return Answer.YES if allowed else Answer.NO


@dataclass(slots=True)
class Findings:
    """Answers of argocd-server that were recorded."""

    questions: int = 0
    worst: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of wrong access, by obstacle."""
    violations: list[str] = field(default_factory=list)


class Judge(threading.Thread):
    """Asks every question repeatedly until it is stopped.

    Args:
        plane: Control plane whose Argo CD is asked.
        model: Expected answers; read under the lock.
        lock: Lock of the model.
    """

    def __init__(
        self, plane: ControlPlane, *, model: Model, lock: threading.Lock
    ) -> None:
        super().__init__(daemon=True)
        self.findings = Findings()
        self.failure: BaseException | None = None
        self._plane = plane
        self._model = model
        self._lock = lock
        self._stopping = threading.Event()
        self._accused: set[Pair] = set()

    def stop(self) -> None:
        """Stop asking; raise the error of a failed question."""
        self._stopping.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        try:
            while not self._stopping.wait(PAUSE_SECONDS):
                for pair in PAIRS:
                    self._judge(pair)
        except BaseException as error:  # noqa: BLE001 — told by stop()
            self.failure = error

    def _judge(self, pair: Pair) -> None:
        with self._lock:
            asked_at = time.time()
            overdue = self._model.overdue(pair, asked_at)
        answer = ask(self._plane, pair)
        self.findings.questions += 1
        if answer is not Answer.YES or overdue is None:
            self._accused.discard(pair)
            return
        with self._lock:
            still = self._model.overdue(pair, asked_at)
            limit = self._model.must_be_over_by(pair, asked_at)
            excuse = self._model.excuse(pair, asked_at)
        if still is None:
            return  # an obstacle or a new grant came in between
        overdue = min(overdue, still)
        worst = self.findings.worst
        worst[excuse] = max(worst[excuse], overdue)
        if asked_at > limit and pair not in self._accused:
            self._accused.add(pair)
            self.findings.violations.append(
                f"{pair.subject} still held {pair.role} {overdue:.1f} s after it was"
                f" over and could be ended, {asked_at - limit:.1f} s more than there"
                f" was reason for (what had been in the way: {excuse})"
            )
