"""Player of the commands on a page, which compares their output with the page.

A line that begins with a user's name and a dollar sign is a command of that user; the
following lines are its output. ``kubectl`` uses the real API server as that user, and
``argocd account can-i`` asks the real argocd-server.
"""

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.people import ADMIN
from support import doc_pages
from support.live_cluster import World

PEOPLE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "admin": (ADMIN, ()),
    "alice": ("alice@example.com", ("developers",)),
    "bob": ("bob@example.com", ("release-managers",)),
    "carol": ("carol@example.com", ("developers", "release-managers")),
    "dana": ("dana@example.com", ("on-call",)),
    "erin": ("erin@example.com", ("database-team",)),
}
"""Users on the pages: their names and groups, in Kubernetes and in Argo CD."""

NOBODY: Final = "dave"
"""Account of Argo CD without permissions, to which a user's claims are added."""
PATIENCE_SECONDS: Final = 90.0
READING: Final = frozenset({"get", "describe", "wait", "can-i", "list"})
"""Verbs of commands that are repeated until they print what the page shows."""
UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TYPED: Final = re.compile(r"^(\w+)\$ ", re.MULTILINE)
"""Prompt of a user; a dollar sign alone is part of a command's output."""
VARYING: Final = (
    # The command omits the seconds of a full minute.
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z| UTC)"), "TIME"),
    (re.compile(r"\b(\d+[dhms] ?)+ ago\b"), "AGO"),
    (re.compile(r"\(in (\d+[dhms] ?)+\)"), "(REST)"),
    (UID, "UID"),
    (re.compile(r"(?<=chg-77-)[b-z2-9]{5}\b"), "XXXXX"),
    (re.compile(r"(?<=alice-hotfix-)[b-z2-9]{5}\b"), "XXXXX"),
    (re.compile(r"(?<=alice-hotfix-bob-)[0-9a-f]{8}\b"), "XXXXXXXX"),
    (re.compile(r"(?<=LAST DEPLOYED: ).*"), "TIME"),
    # Approvals of one second have no order.
    (re.compile(r'"(?:bob@\S+, "carol|carol@\S+, "bob)@example\.com"'), "BOTH"),
)
"""Parts of the output that differ in every run, such as generated names."""
VARYING_COLUMNS: Final = frozenset({"AGE", "EXPIRES", "ENDS"})

Answer = str | list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Command of a user, and its output on the page."""

    place: str
    person: str
    command: str
    answer: str


@dataclass
class Player:
    """Runs the commands of a page, with copies of its files that have other times."""

    world: World
    copies: Path
    times: Mapping[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    """Functions that return new spec fields of a manifest, by file name."""
    sync: Callable[[], None] = lambda: None
    """Implementation of ``argocd app sync``."""
    _uid: str = ""
    """Last uid in an output, which an approval needs."""

    def play(self, page: Path) -> None:
        """Run every command in order; its output must be the one on the page."""
        for line in lines_of(page):
            shown = comparable(line.answer)
            answer = self.answered(line, shown)
            assert answer == shown, f"{line.place}: {line.command}\n{answer}"

    def answered(self, line: Line, shown: Answer) -> Answer:
        """Run a command; return the invariant part of its output."""
        return comparable(self.seen(line, shown))

    def seen(self, line: Line, shown: Answer) -> str:
        """Run a command; repeat a reading one until it prints what is shown."""
        began = time.monotonic()
        is_question = bool(READING & set(line.command.split())) and (
            "create" not in line.command.split()
        )
        while True:
            printed = self.typed(line.person, line.command)
            is_late = time.monotonic() - began > PATIENCE_SECONDS
            if comparable(printed) == shown or is_late or not is_question:
                return printed
            time.sleep(0.3)

    def typed(self, person: str, command: str) -> str:
        """Run the commands of a pipe as a user; return the output."""
        printed = ""
        for part in command.split(" | "):
            printed = self._run(person, shlex.split(part), printed)
        return printed

    def _run(self, person: str, words: list[str], stdin: str) -> str:
        if words[0] == "kubectl":
            user, groups = PEOPLE[person]
            arguments = [self._at_hand(word) for word in words[1:]]
            done = self.world.plane.kubectl(
                *arguments, user=user, groups=groups, stdin=stdin, check=False
            )
            return self._seen(done.stdout + done.stderr)
        if words[:3] == ["argocd", "app", "sync"]:
            self.sync()
            return ""
        assert words[:3] == ["argocd", "account", "can-i"], words
        action, resource, thing = words[3:]
        return "yes" if may(self.world, person, resource, action, thing) else "no"

    def _seen(self, printed: str) -> str:
        """Replace the paths of copies in an output, and remember its uid."""
        for uid in UID.finditer(printed):
            self._uid = uid[0]
        return re.sub(rf"{re.escape(str(self.copies))}/", "", printed)

    def _at_hand(self, word: str) -> str:
        """Replace a file of the examples by its copy."""
        option, equals, path = word.rpartition("=")
        if not path.startswith("examples/"):
            return word
        return f"{option}{equals}{self.copy(doc_pages.ROOT / path)}"

    def copy(self, original: Path) -> Path:
        """Copy a file with other times and the remembered uid."""
        copied = self.copies / original.relative_to(doc_pages.ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        text = original.read_text()
        if original.name in self.times:
            body: dict[str, Any] = yaml.safe_load(text)
            body["spec"] |= self.times[original.name]()
            text = yaml.safe_dump(body)
        copied.write_text(UID.sub(self._uid, text))
        return copied


def may(world: World, person: str, resource: str, action: str, thing: str) -> bool:
    """Ask Argo CD about a user who has logged in."""
    name, groups = PEOPLE[person]
    return world.plane.argocd.can_i(
        NOBODY, resource, action, thing, groups=groups, claims={"email": name}
    )


def lines_of(page: Path) -> Iterator[Line]:
    """Return the commands of a page in order."""
    for block in doc_pages.blocks_of(page, page.read_text()):
        if block.language != "console":
            continue
        text = block.text.replace("\\\n", " ")
        parts = TYPED.split(text)[1:]
        for person, typed in zip(parts[::2], parts[1::2], strict=True):
            command, _, answer = typed.partition("\n")
            yield Line(place=block.place, person=person, command=command, answer=answer)


def comparable(answer: str) -> Answer:
    """Return the invariant part of an output; the order of rows is ignored."""
    for pattern, word in VARYING:
        answer = pattern.sub(word, answer)
    if not answer.startswith("NAME "):
        # Lines with a time that has grown or shrunk may break elsewhere.
        return (
            re.sub(r"\n *", " ", answer).strip() if "AGO" in answer else answer.strip()
        )
    return sorted(
        [cell for title, cell in row.items() if title not in VARYING_COLUMNS]
        for row in doc_pages.rows_of(answer)
    )
