"""One attack from beginning to end, and many in a row.

::

    other people's access is bound
    ── the attack begins ─────────────────────────────────────────────
       ends, revocations, deletions, again and again; argocd-server is asked
       a new grant is bound; a deletion returns
    ── the attacker rests; what was changed stays ────────────────────
       the operator stops; access ends; the sweep removes it
       the operator starts, and removes what was revoked meanwhile
    ── everything is restored ────────────────────────────────────────
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from controlplane.errors import APIRequestFailed
from hostile.attack import Attack, Attacker, Attacking
from hostile.confined_operator import ConfinedOperator, sweep
from hostile.confinement import MEBIBYTE, OPERATOR_BYTES
from hostile.innocents import ENDS, Innocents
from hostile.positions import PROJECT
from hostile.scene import Scene
from hostile.verdict import (
    ADDITION_SECONDS,
    DELETION_SECONDS,
    REPORT_SECONDS,
    Ended,
    Outcome,
    Times,
)
from support.admission_objects import ALICE
from support.live_cluster import after, seconds_until

USUAL_ROUNDS: Final = 3
COMPLETE_SECONDS: Final = 60.0
"""Most seconds until the changes are made that together are an attack."""
RECOVERIES: Final = 4
RECOVERED_SECONDS: Final = 3.0
"""Seconds of a removal above which a round without an attack is not a usual one."""
UNVERIFIED: Final = "--accept-unverified-requesters"
SWEPT_WINDOW: Final = 12.0
"""Seconds until the end of the grant whose end the sweep keeps. In the first half, the
operator writes that end for the sweep."""

Say = Callable[[str], None]


class Stage:
    """The scene with a running operator, and what usually happens there."""

    def __init__(self, scene: Scene, operator: ConfinedOperator, say: Say) -> None:
        self.usual = Times()
        self.outcomes: list[Outcome] = []
        self._scene = scene
        self._operator = operator
        requester = {} if scene.is_verified else {"requester": ALICE}
        self._innocents = Innocents(scene.plane, requester)
        self._say = say

    def begin(self, rounds: int = USUAL_ROUNDS) -> None:
        """Start the operator, and measure what everything usually takes."""
        self._operator.start()
        for _ in range(rounds):
            self._usual_again()
            self._usual_start()
        self._say(
            f"the operator has {OPERATOR_BYTES // MEBIBYTE} MiB"
            f" ({self._operator.method})"
        )

    def run(self, *attacks: Attack, seconds: float, rounds: int = 2) -> Outcome:
        """Run attacks at the same time, judge them together, and restore everything.

        Args:
            attacks: At least one.
            seconds: Length of the attack, if nothing else takes longer.
            rounds: How often other people's access ends meanwhile.
        """
        names = [one.name for one in attacks]
        positions = dict.fromkeys(one.position.sentence for one in attacks)
        outcome = Outcome(". ".join(names), ", ".join(positions))
        attackings = [
            Attacking(one, Attacker(self._scene, one.position)) for one in attacks
        ]
        try:
            self._attacked(attackings, outcome, seconds=seconds, rounds=rounds)
        except Exception as error:  # noqa: BLE001 - the other attacks go on
            outcome.violations.append(f"{type(error).__name__}: {error}")
        finally:
            outcome.accepted = sum(one.accepted for one in attackings)
            refused = (one.refused for one in attackings)
            outcome.refused = sum(refused, Counter[str]())
            may_exit = {one.exit_code for one in attacks}
            self._restore(attackings, outcome, may_exit)
        outcome.judge(self.usual, allowance=max(one.allowance for one in attacks))
        self.outcomes.append(outcome)
        self._say(outcome.line)
        for violation in outcome.violations:
            self._say(f"          ! {violation}")
        return outcome

    def _attacked(
        self,
        attackings: Sequence[Attacking],
        outcome: Outcome,
        *,
        seconds: float,
        rounds: int,
    ) -> None:
        self._usual_again()
        self._usual_start()
        for one in attackings:
            one.prepare()
        bound = [self._bind() for _ in range(rounds)]
        away = self._innocents.bind()
        deleted, steady = self._innocents.bind(), self._innocents.bind()
        with contextlib.ExitStack() as attacks:
            for one in attackings:
                attacks.enter_context(one)
            began = time.monotonic()
            self._innocents.request(role={"name": "deployer", "project": PROJECT})
            for number, names in enumerate(bound):
                if number == 1:
                    for one in attackings:
                        one.wait_until_complete(COMPLETE_SECONDS)
                outcome.times.add(self._round(names))
                if outcome.is_lost:
                    return
                pause = seconds * (number + 1) / rounds - (time.monotonic() - began)
                time.sleep(max(0.0, pause))
            self._others_go_on(deleted, outcome)
            if not self._innocents.may(steady):
                outcome.violations.append(
                    "other people's access ended early:"
                    f" {self._innocents.ready(steady)}"
                )
            outcome.violations += [what for one in attackings for what in one.gained()]
        self._left_in_place(away, outcome)

    def _round(self, names: dict[Ended, str]) -> dict[Ended, float]:
        return self._innocents.end(names)

    def _bind(self) -> dict[Ended, str]:
        with ThreadPoolExecutor(len(ENDS)) as pool:
            names = [pool.submit(self._innocents.bind) for _ in ENDS]
            return dict(zip(ENDS, [one.result() for one in names], strict=True))

    def _usual_again(self) -> None:
        """Measure one more round without an attack: the machine may be slower now.

        Raises:
            TimeoutError: What the last attack did to the operator outlasts restarts.
        """
        for _ in range(RECOVERIES):
            with contextlib.suppress(TimeoutError):
                measured = self._round(self._bind())
                if max(measured.values()) < RECOVERED_SECONDS:
                    self.usual.add(measured)
                    return
            self._operator.stop()
            self._operator.start()
        raise TimeoutError("The operator has not recovered from the last attack.")

    def _others_go_on(self, deleted: str, outcome: Outcome) -> None:
        """Bind a grant, and delete another one."""
        name = self._innocents.request()
        outcome.addition = self._innocents.seconds_until_allowed(name)
        if outcome.addition > ADDITION_SECONDS:
            outcome.violations.append(
                f"a new grant was not bound within {ADDITION_SECONDS:.0f} s:"
                f" {self._innocents.ready(name)}"
            )
        elif self._innocents.seconds_until_bound(name) > REPORT_SECONDS:
            outcome.violations.append(
                f"a bound grant did not say so for {REPORT_SECONDS:.0f} s"
            )
        took = self._innocents.seconds_to_delete(deleted)
        if took > DELETION_SECONDS:
            outcome.violations.append(f"kubectl delete did not return ({took:.0f} s)")

    def _left_in_place(self, away: str, outcome: Outcome) -> None:
        """Judge the sweep and a start with the input that the attacker left."""
        innocents = self._innocents
        swept = innocents.bind()
        end = after(SWEPT_WINDOW)
        innocents.move_end(swept, end)
        is_written = innocents.is_written(swept, end, within=SWEPT_WINDOW / 2)
        self._operator.stop()
        innocents.revoke(away)
        is_judged = is_written and innocents.may(swept)
        time.sleep(seconds_until(end))
        if is_judged:
            began = time.time()
            printed = sweep(self._scene.plane)
            seconds = innocents.seconds_until_denied(swept, began)
            outcome.judge_sweep(seconds, printed, is_denied=not innocents.may(swept))
        else:
            outcome.violations.append("nothing was bound that the sweep could remove")
        started = self._operator.start()
        outcome.times.add(
            {Ended.RESTART: innocents.seconds_until_denied(away, started)}
        )

    def _usual_start(self) -> None:
        """Restart the operator, and measure how long a revocation meanwhile lasts."""
        name = self._innocents.bind()
        self._operator.stop()
        self._innocents.revoke(name)
        started = self._operator.start()
        seconds = self._innocents.seconds_until_denied(name, started)
        self.usual.add({Ended.RESTART: seconds})
        self._operator.forget()

    def _restore(
        self,
        attackings: Sequence[Attacking],
        outcome: Outcome,
        may_exit: set[int | None],
    ) -> None:
        for one in attackings:
            one.close()
        self._innocents.clean()
        self._scene.restore()
        outcome.peak_mebibytes = self._operator.peak_mebibytes
        exits = [one for one in self._operator.exits if one.code not in may_exit]
        if exits:
            times = f"{len(exits)} times: " if len(exits) > 1 else ""
            outcome.violations.append(f"{times}{exits[0].description}")


@contextlib.contextmanager
def on_stage(
    scene: Scene, folder: Path, say: Say, *, rounds: int = USUAL_ROUNDS
) -> Iterator[Stage]:
    """Prepare a control plane, and run the operator for the length of a block.

    Args:
        scene: The scene, which is not prepared yet.
        folder: Folder for the operator's log.
        say: Called with every line for people.
        rounds: How often the usual times are measured before the first attack; they are
            measured once more before each.
    """
    with scene.prepared():
        operator = ConfinedOperator(
            scene.plane,
            folder / "operator.log",
            port=scene.metrics_port,
            options=() if scene.is_verified else (UNVERIFIED,),
        )
        scene.log = operator.log
        stage = Stage(scene, operator, say)
        try:
            stage.begin(rounds)
            yield stage
        finally:
            operator.stop()
            with contextlib.suppress(APIRequestFailed):
                scene.restore()
