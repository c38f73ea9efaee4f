"""Attacks: what an attacker changes, and the thread that changes it again and again."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from urllib3.exceptions import HTTPError

from controlplane.api import PATCH_TYPES, path_of
from controlplane.errors import APIRequestFailed
from hostile import positions
from hostile.positions import POSITIONS, Position
from hostile.scene import Scene

APPLY: Final = "application/apply-patch+yaml"
VERSIONS: Final = {
    "appproject": "argoproj.io/v1alpha1",
    "configmap": "v1",
    "secret": "v1",
}


class Attacker:
    """Somebody in a position: requests with the rights of that position only."""

    def __init__(self, scene: Scene, position: Position) -> None:
        self.scene = scene
        self.api = positions.client(scene.plane, position)
        self.held = contextlib.ExitStack()
        """Sockets and servers, which are closed after the attack."""
        self._known: dict[str, str] = {}

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object of one of our kinds, or an AppProject."""
        metadata = body["metadata"]
        path = path_of(body["kind"].lower(), metadata["namespace"])
        return self.api.request("POST", path, body)

    def merge(
        self,
        kind: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        namespace: str,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Send a merge patch."""
        path = path_of(kind, namespace, name) + subresource
        return self.api.request("PATCH", path, patch, content_type=PATCH_TYPES["merge"])

    def next_numbers(self, count: int) -> range:
        """Return the numbers of other people's next grants, which can be guessed."""
        numbers = [int(name.rpartition("-")[2]) for name in self.innocent_names()]
        newest = max(numbers, default=0)
        return range(newest + 1, newest + 1 + count)

    def innocent_names(self) -> list[str]:
        """Return the names of other people's grants, which anybody can guess."""
        names = (one["metadata"]["name"] for one in self.scene.grants())
        return [name for name in names if name.startswith("victim-")]

    def remember(self, key: str, make: Callable[[], str]) -> str:
        """Return what was made under a key, and make it the first time."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def close(self) -> None:
        """Close what the attacker holds."""
        self.held.close()
        self.api.close()


Change = Callable[[Attacker, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One way to attack, from one position."""

    position: Position
    sentence: str
    """What the attacker does, such as ``creates 85 grants of 1.2 MB of labels``."""
    change: Change
    """Makes the change of a number, counted from 0."""
    pause: float = 0.05
    """Seconds between two changes."""
    least: int = 20
    """Number of changes that together are the attack."""
    most: int | None = None
    """Number of changes after which the attacker only waits."""
    after: Callable[[Attacker], list[str]] = lambda _: []
    """Looks for what the attacker has gained; returns violations."""
    allowance: float = 0.0
    """Seconds by which the position may delay a removal, as the security model says."""
    exit_code: int | None = None
    """Code with which the operator may exit, as the security model says."""
    comes_first: bool = False
    """The first change is made before other people have any access."""

    @property
    def name(self) -> str:
        """The whole sentence."""
        return f"{self.position.sentence} {self.sentence}"


ATTACKS: Final[list[Attack]] = []
"""All attacks, in the order of their definition."""


def attack_of(change: Change) -> Attack:
    """Return the attack that a function makes."""
    return next(one for one in ATTACKS if one.change is change)


def attack(position: str, **options: Any) -> Callable[[Change], Change]:
    """Register a function as an attack; its docstring is the sentence.

    Args:
        position: A key of ``POSITIONS``.
        options: Fields of the Attack.
    """

    def register(change: Change) -> Change:
        sentence = " ".join((change.__doc__ or "").split()).rstrip(".")
        ATTACKS.append(
            Attack(
                position=POSITIONS[position],
                sentence=sentence[:1].lower() + sentence[1:],
                change=change,
                **options,
            )
        )
        return change

    return register


class Attacking:
    """An attack that goes on for the length of a block.

    Raises:
        AssertionError: At the end of the block, if the attacker lacked a right.
    """

    def __init__(self, attack: Attack, attacker: Attacker) -> None:
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self._attack = attack
        self._attacker = attacker
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._next = 0

    def __enter__(self) -> Self:
        """Begin to attack."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what was changed stays."""
        self._ending.set()
        self._thread.join()
        if self._failure is not None:
            raise AssertionError(f"{self._attack.name}: {self._failure!r}") from (
                self._failure
            )

    def prepare(self) -> None:
        """Make the first change, if it comes before other people have access."""
        if self._attack.comes_first:
            self._change()

    def gained(self) -> list[str]:
        """Return the violations that the attacker has gained from."""
        return self._attack.after(self._attacker)

    def close(self) -> None:
        """Close what the attacker holds."""
        self._attacker.close()

    def _change(self) -> None:
        """Make the next change."""
        number, self._next = self._next, self._next + 1
        try:
            self._attack.change(self._attacker, number)
        except (APIRequestFailed, HTTPError, OSError, ValueError) as error:
            text = str(error)
            # So Kubernetes' RBAC refuses a request: the position lacks a permission.
            is_forbidden = "cannot" in text and "forbidden" in text
            assert not is_forbidden or "ValidatingAdmissionPolicy" in text, text
            self.refused[_cause(error)] += 1
        else:
            self.accepted += 1

    def wait_until_complete(self, within: float) -> None:
        """Wait until the changes that together are the attack have been made."""
        deadline = time.monotonic() + within
        while self._next < self._attack.least and time.monotonic() < deadline:
            if not self._thread.is_alive():
                return
            time.sleep(0.05)

    def _run(self) -> None:
        most = self._attack.most
        try:
            while not self._ending.wait(self._attack.pause):
                if most is None or self._next < most:
                    self._change()
        except BaseException as error:  # noqa: BLE001 - raised at the end of the block
            self._failure = error


def _cause(error: Exception) -> str:
    """Return the cause of a refusal in a few words."""
    if isinstance(error, APIRequestFailed):
        words = str(error).partition(f": {error.status} ")[2].split()
        return f"{error.status} {' '.join(words[-8:])}"[:90]
    return type(error).__name__
