"""Operations as plain data, and scripts that are generated from a seed.

An operation that is not possible (deleting a grant that was never created) does
nothing, hence any part of a script is a script. The generator avoids useless
operations, and ends with all faults removed and a quiet moment.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from chaos.faults import PASSABLE, Fault

Value = str | float | bool


class Do(StrEnum):
    """Kinds of operations."""

    CREATE = "create"
    COPY = "copy"
    DELETE = "delete"
    REVOKE = "revoke"
    SHORTEN = "shorten"
    REMOVE_ROLE = "remove-role"
    RESTORE_ROLE = "restore-role"
    BREAK_LINE = "break-line"
    MEND_LINE = "mend-line"
    DROP_KEY = "drop-key"
    SCRIBBLE = "scribble"
    SPOIL_KEY = "spoil-key"
    DELETE_CONFIG_MAP = "delete-config-map"
    RESTORE_CONFIG_MAP = "restore-config-map"
    KILL = "kill"
    START = "start"
    STOP_API = "stop-api"
    START_API = "start-api"
    PAUSE_API = "pause-api"
    RESUME_API = "resume-api"
    FAULT = "fault"
    CALM = "calm"
    WAIT = "wait"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Operation:
    """Operation with its arguments."""

    do: Do
    args: Mapping[str, Value] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps({"do": self.do, **self.args})

    @classmethod
    def of_json(cls, text: str) -> "Operation":
        read = json.loads(text)
        return cls(Do(read.pop("do")), read)


def save(operations: Iterable[Operation], path: Path) -> None:
    """Format a script, one operation per line."""
    path.write_text("".join(f"{each.as_json()}\n" for each in operations))


def load(path: Path) -> list[Operation]:
    """Parse a script; blank lines and lines that begin with # are ignored."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [Operation.of_json(line) for line in lines if line and line[0] != "#"]


SUBJECTS = ("alice", "carol", "dave", "group:oncall")
REMOVABLE_ROLES = ("role:deployer", "role:cleaner")
ROLES = (*REMOVABLE_ROLES, "proj:team-a:deployer")
QUIET_EVERY = 12
MENDED_SHARE = 0.7
"""At so many quiet moments nobody is refused because of somebody's broken line."""
LONG_WAIT_SHARE = 0.15
"""At some times there is no operation, and only an end triggers the operator."""
HEALTHY = (
    Operation(Do.CALM),
    Operation(Do.RESUME_API),
    Operation(Do.START_API),
    Operation(Do.START),
    Operation(Do.RESTORE_CONFIG_MAP, {"with_old_key": False}),
    Operation(Do.MEND_LINE),
    *(Operation(Do.RESTORE_ROLE, {"role": role}) for role in REMOVABLE_ROLES),
    Operation(Do.QUIET),
)


def generate(seed: int, length: int) -> list[Operation]:
    """Generate a script of about this length, the same for the same seed."""
    return _Generator(random.Random(seed)).script(length)


class _Generator:
    """Generator of operations that depend on earlier ones."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._created = self._copied = 0
        self._fault_is_on = False
        self._api_is_away: Do | None = None
        self._operator_is_down = False

    def script(self, length: int) -> list[Operation]:
        made: list[Operation] = []
        for number in range(1, length + 1):
            made += self._next()
            made.append(self._wait())
            if number % QUIET_EVERY == 0:
                made += [*self._mended(), Operation(Do.QUIET)]
        return [*made, *HEALTHY]

    def _mended(self) -> list[Operation]:
        """Remove all obstacles; hostile edits can stay."""
        self._fault_is_on = self._operator_is_down = False
        self._api_is_away = None
        ended = [Do.CALM, Do.RESUME_API, Do.START_API, Do.START]
        if self._chance.random() < MENDED_SHARE:
            ended.append(Do.MEND_LINE)
        return [
            *(Operation(do) for do in ended),
            Operation(Do.RESTORE_CONFIG_MAP, {"with_old_key": True}),
        ]

    def _next(self) -> list[Operation]:
        choices: list[tuple[float, Callable[[], list[Operation]]]] = [
            (2 if self._fault_is_on else 4, self._weather),
            (3 if self._api_is_away else 0.7, self._api),
            (3 if self._operator_is_down else 1.5, self._kill_or_start),
        ]
        if not self._api_is_away:
            choices += [(8, self._create), (4, self._end_one), (4.5, self._edit)]
            choices += [(2, self._copy)]
        weights = [weight for weight, _ in choices]
        return self._chance.choices([make for _, make in choices], weights)[0]()

    def _create(self) -> list[Operation]:
        self._created += 1
        args: dict[str, Value] = {
            "name": f"g{self._created}",
            "subject": self._chance.choice(SUBJECTS),
            "role": self._chance.choice(ROLES),
            "seconds": self._chance.choice((2, 3, 4, 6, 9, 14, 40, 90)),
            "absolute": self._chance.random() < 0.6,
        }
        if self._chance.random() < 0.2:
            args["delay"] = self._chance.choice((1, 3, 6))
        return [Operation(Do.CREATE, args)]

    def _copy(self) -> list[Operation]:
        """Create a grant again, or a copy of it, under another name."""
        if not self._created:
            return self._create()
        earlier = [f"g{number}" for number in range(1, self._created + 1)][-6:]
        earlier += [f"c{number}" for number in range(1, self._copied + 1)][-2:]
        self._copied += 1
        args: dict[str, Value] = {
            "name": f"c{self._copied}",
            "of": self._chance.choice(earlier),
        }
        return [Operation(Do.COPY, args)]

    def _end_one(self) -> list[Operation]:
        if not self._created:
            return self._create()
        latest = max(1, self._created - 5)
        args: dict[str, Value] = {
            "name": f"g{self._chance.randint(latest, self._created)}"
        }
        do = self._chance.choice((Do.DELETE, Do.DELETE, Do.REVOKE, Do.SHORTEN))
        if do is Do.SHORTEN:
            args["seconds"] = self._chance.choice((1, 2, 4))
        return [Operation(do, args)]

    def _edit(self) -> list[Operation]:
        role = self._chance.choice(REMOVABLE_ROLES)
        scribbled: dict[str, Value] = {
            "subject": self._chance.choice(SUBJECTS),
            "role": self._chance.choice(ROLES),
        }
        restored: dict[str, Value] = {"with_old_key": self._chance.random() < 0.5}
        return [
            self._chance.choice(
                (
                    Operation(Do.REMOVE_ROLE, {"role": role}),
                    Operation(Do.RESTORE_ROLE, {"role": role}),
                    Operation(Do.RESTORE_ROLE, {"role": role}),
                    Operation(Do.BREAK_LINE),
                    Operation(Do.MEND_LINE),
                    Operation(Do.MEND_LINE),
                    Operation(Do.DROP_KEY),
                    Operation(Do.SCRIBBLE, scribbled),
                    Operation(Do.SCRIBBLE, scribbled),
                    Operation(Do.SPOIL_KEY),
                    Operation(Do.DELETE_CONFIG_MAP),
                    Operation(Do.RESTORE_CONFIG_MAP, restored),
                    Operation(Do.RESTORE_CONFIG_MAP, restored),
                )
            )
        ]

    def _weather(self) -> list[Operation]:
        self._fault_is_on = not self._fault_is_on
        if not self._fault_is_on:
            return [Operation(Do.CALM)]
        fault = self._chance.choice(list(Fault))
        share = self._chance.choice((0.5, 0.9, 1.0)) if fault not in PASSABLE else 1.0
        return [Operation(Do.FAULT, {"kind": fault.value, "share": share})]

    def _api(self) -> list[Operation]:
        if self._api_is_away is None:
            self._api_is_away = self._chance.choice((Do.STOP_API, Do.PAUSE_API))
            return [Operation(self._api_is_away)]
        stopped = self._api_is_away is Do.STOP_API
        self._api_is_away = None
        return [Operation(Do.START_API if stopped else Do.RESUME_API)]

    def _kill_or_start(self) -> list[Operation]:
        self._operator_is_down = not self._operator_is_down
        if not self._operator_is_down:
            return [Operation(Do.START)]
        if self._chance.random() < 0.5:  # dead for an instant only
            self._operator_is_down = False
            return [Operation(Do.KILL), Operation(Do.START)]
        return [Operation(Do.KILL)]

    def _wait(self) -> Operation:
        longest = 7.0 if self._chance.random() < LONG_WAIT_SHARE else 1.6
        return Operation(
            Do.WAIT, {"seconds": round(self._chance.uniform(0, longest), 2)}
        )
