"""Pages that show what people type and what they see, played with real parts.

A line that begins with somebody's name and a dollar sign is what this person types;
what follows is the answer. ``kubectl`` speaks to the real API server as that person,
and ``argocd account can-i`` is asked of the real argocd-server.
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
"""Who types on the pages: their names and groups, for Kubernetes and for Argo CD."""

NOBODY: Final = "dave"
"""An account of Argo CD that has no rights; the claims of a person are added to it."""
PATIENCE_SECONDS: Final = 90.0
READING: Final = frozenset({"get", "describe", "wait", "can-i", "list"})
"""What can be asked again until the answer is the one that the page shows."""
UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TYPED: Final = re.compile(r"^(\w+)\$ ", re.MULTILINE)
"""Where somebody types; a dollar sign alone is what a command tells to type."""
VARYING: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| UTC)"), "TIME"),
    (re.compile(r"\b(\d+[dhms] ?)+ ago\b"), "AGO"),
    (UID, "UID"),
    (re.compile(r"(?<=chg-77-)[b-z2-9]{5}\b"), "XXXXX"),
    (re.compile(r"(?<=alice-hotfix-)[b-z2-9]{5}\b"), "XXXXX"),
    (re.compile(r"(?<=alice-hotfix-bob-)[0-9a-f]{8}\b"), "XXXXXXXX"),
    (re.compile(r"(?<=LAST DEPLOYED: ).*"), "TIME"),
    # Approvals of one second have no order.
    (re.compile(r'"(?:bob@\S+, "carol|carol@\S+, "bob)@example\.com"'), "BOTH"),
)
"""What differs each time; a generated name too."""
VARYING_COLUMNS: Final = frozenset({"AGE", "EXPIRES", "ENDS"})

Answer = str | list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one person types, and what the page says that they see."""

    place: str
    person: str
    command: str
    answer: str


@dataclass
class Player:
    """Types what a page shows, with copies of its files at times that suit a test."""

    world: World
    copies: Path
    times: Mapping[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    """New fields of a manifest's spec by its file's name, made when it is used."""
    sync: Callable[[], None] = lambda: None
    """What ``argocd app sync`` does."""
    _uid: str = ""
    """The last one that somebody saw; they write it into an approval."""

    def play(self, page: Path) -> None:
        """Type every line in order; each answer has to be the one that is shown."""
        for line in lines_of(page):
            shown = comparable(line.answer)
            assert self.answered(line, shown) == shown, f"{line.place}: {line.command}"

    def answered(self, line: Line, shown: Answer) -> Answer:
        """The answer to a line, as far as it is the same each time."""
        return comparable(self.seen(line, shown))

    def seen(self, line: Line, shown: Answer) -> str:
        """What is printed; a question is repeated until the answer is the one shown."""
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
        """What somebody sees who types this."""
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
        """What a person sees: files are where the page says, and a uid is noted."""
        for uid in UID.finditer(printed):
            self._uid = uid[0]
        return re.sub(rf"{re.escape(str(self.copies))}/", "", printed)

    def _at_hand(self, word: str) -> str:
        """A file of the examples is replaced by its copy."""
        option, equals, path = word.rpartition("=")
        if not path.startswith("examples/"):
            return word
        return f"{option}{equals}{self.copy(doc_pages.ROOT / path)}"

    def copy(self, original: Path) -> Path:
        """Copy a file, with the times and the uid that are right in a test."""
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
    """Ask Argo CD as it sees a person who has logged in."""
    name, groups = PEOPLE[person]
    return world.plane.argocd.can_i(
        NOBODY, resource, action, thing, groups=groups, claims={"email": name}
    )


def lines_of(page: Path) -> Iterator[Line]:
    """Everything that is typed on a page, in order."""
    for block in doc_pages.blocks_of(page, page.read_text()):
        if block.language != "console":
            continue
        text = block.text.replace("\\\n", " ")
        parts = TYPED.split(text)[1:]
        for person, typed in zip(parts[::2], parts[1::2], strict=True):
            command, _, answer = typed.partition("\n")
            yield Line(place=block.place, person=person, command=command, answer=answer)


def comparable(answer: str) -> Answer:
    """What of an answer is the same each time; the order of rows does not count."""
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
