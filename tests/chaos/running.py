"""Run of one script on a control plane."""

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos.argocd_edits import RULES, STANDING, policy
from chaos.faults import Fault, Faults
from chaos.grant_edits import GrantEdits
from chaos.judging import PAIRS, Findings, Judge, ask
from chaos.model import CONFIG_MAP_MISSING, Answer, Model, Pair
from chaos.operations import REMOVABLE_ROLES, ROLES, Do, Operation
from chaos.performing import Performer
from chaos.process import OperatorProcess, trace
from chaos.proxy import Proxy
from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import INSTANCE, PROJECT

QUIET_SECONDS = 50.0
GONE_SECONDS = 90.0
UP_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """Result of one run of a script."""

    findings: Findings
    operations: Counter[Do] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    restarts: int = 0
    """Number of exits of the operator."""
    quiets: int = 0
    slowest_quiet: float = 0.0
    held: list[str] = field(default_factory=list)
    """Unfinished deletions after a watch went silent."""
    log: str = ""

    @property
    def violations(self) -> list[str]:
        return self.findings.violations


def prepare(plane: ControlPlane) -> None:
    """Install the objects of every run, once per control plane."""
    operator_process.install(plane)
    for body in (PROJECT, INSTANCE):
        plane.apply(body)


def run(
    script: Sequence[Operation],
    plane: ControlPlane,
    folder: Path,
    *,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Outcome:
    """Run a script from a clean state, until the first violation."""
    faults = Faults(seed)
    trusted = (plane.folder / "certificates" / "apiserver.crt").read_text()
    upstream = json.loads(plane.kubeconfig().read_text())["clusters"][0]["cluster"]
    with Proxy(upstream["server"], trusted=trusted, faults=faults) as proxy:
        operator = OperatorProcess(plane, proxy.url, folder)
        proxy.token = operator.token
        try:
            _clean(plane)
            run_of = _Run(plane, proxy, operator, say)
            with run_of.judged():
                run_of.all(script)
        finally:
            operator.kill()
            proxy.calm()
            _clean(plane)
    outcome = run_of.outcome
    outcome.faults, outcome.restarts = faults.counts, operator.ended_by_itself
    outcome.log = trace(log=operator.log)
    return outcome


def _clean(plane: ControlPlane) -> None:
    """Restore the initial state of a control plane."""
    plane.resume("kube-apiserver")
    if "kube-apiserver" not in plane.pids():
        plane.start("kube-apiserver")
    GrantEdits(plane).wipe()
    text = policy(RULES, line_is_broken=False)
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-rbac-cm", "namespace": "argocd"},
        "data": {"policy.csv": text},
    }
    plane.kubectl(
        "apply", "--server-side", "-f", "-", stdin=json.dumps(body), check=False
    )
    plane.argocd.set_rbac({"policy.csv": text})


class _Run:
    """Running script."""

    def __init__(
        self, plane: ControlPlane, proxy: Proxy, operator: OperatorProcess, say: Say
    ) -> None:
        self._plane = plane
        self._operator = operator
        self._say = say
        self._lock = threading.Lock()
        self._silenced = False
        operator.start()
        self._model = Model(
            roles=set(REMOVABLE_ROLES),
            lasting_roles=set(ROLES) - set(REMOVABLE_ROLES),
            standing={STANDING},
            able_since=time.time(),
        )
        self._performer = Performer(
            plane, proxy, operator, model=self._model, lock=self._lock
        )
        self._judge = Judge(plane, model=self._model, lock=self._lock)
        self.outcome = Outcome(self._judge.findings)

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Ask argocd-server continuously within a block."""
        self._judge.start()
        try:
            yield
        finally:
            self._judge.stop()

    def all(self, script: Sequence[Operation]) -> None:
        for operation in script:
            if self._operator.tend():
                self._say("  the operator had exited")
            if operation.do is Do.QUIET:
                self._quiet()
                self.outcome.operations[Do.QUIET] += 1
            elif self._performer.perform(operation):
                self.outcome.operations[operation.do] += 1
                self._note(operation)
            if self.outcome.violations:
                return

    def _note(self, operation: Operation) -> None:
        kind = operation.args.get("kind")
        self._silenced |= kind == Fault.SILENT
        if operation.do is Do.KILL:
            self._silenced = False
        if operation.do is not Do.WAIT:
            self._say(f"  {operation.as_json()}")

    def _quiet(self) -> None:
        """Wait until all answers are right and all deletions are complete."""
        self._performer.settle()
        began = time.monotonic()
        while wrong := self._wrong_answers():
            if self.outcome.violations:
                return
            if time.monotonic() - began > QUIET_SECONDS:
                self.outcome.violations.append(f"at a quiet moment: {wrong}")
                return
            self._operator.tend()
            time.sleep(0.2)
        took = time.monotonic() - began
        self.outcome.quiets += 1
        self.outcome.slowest_quiet = max(self.outcome.slowest_quiet, took)
        self._say(f"  quiet after {took:.1f} s")
        self._expect_deletions_done()

    def _wrong_answers(self) -> list[str]:
        wrong = []
        for pair in PAIRS:
            before = self._expected(pair)
            answer = ask(self._plane, pair)
            if Answer.ANY in (before, self._expected(pair)) or answer is before:
                continue
            wrong.append(f"{pair.subject} {pair.role}: {answer}, should be {before}")
        return wrong

    def _expected(self, pair: Pair) -> Answer:
        with self._lock:
            return self._model.answer(pair, time.time())

    def _expect_deletions_done(self) -> None:
        if CONFIG_MAP_MISSING in self._model.obstacles:
            return
        began = time.monotonic()
        patience = 5.0 if self._silenced else GONE_SECONDS
        while left := self._performer.being_deleted():
            if time.monotonic() - began > patience:
                said = f"deleted and still there after {patience:.0f} s: {left}"
                to = self.outcome.held if self._silenced else self.outcome.violations
                to.append(said)
                self._say(f"  {said}")
                return
            if self._operator.tend():
                self._say("  the operator had exited")
            time.sleep(0.2)
