"""The tutorial as a program that runs on an own control plane.

Helm is the real one. ``kubelet`` runs its Deployments and Jobs, because the control
plane has no nodes. The output of the commands can be written into the page.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argogrant.api.admission_policies import IDENTITY_FIELDS
from controlplane import ControlPlane
from controlplane.helm import helm
from controlplane.people import ADMIN
from support import admission_objects, doc_pages, kubelet
from support.blank_cluster import make_blank
from support.doc_player import PEOPLE, Line, Player, comparable
from support.live_cluster import World

PAGE: Final = doc_pages.ROOT / "docs/tutorial.md"
NAMESPACE: Final = "argogrant"
RELEASE: Final = ("argogrant", "--namespace", NAMESPACE)
RIGHTS: Final = ("roles,rolebindings", "-n", NAMESPACE)
CONSOLE: Final = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
ENTRY: Final = re.compile(
    r"^(?P<person>\w+)\$ (?P<command>(?:.*\\\n)*.*\n)(?P<answer>(?:(?!\w+\$ ).*\n)*)",
    re.MULTILINE,
)
"""Command of a user, on one or several lines, and its output."""


class Reader(Player):
    """Player that also runs Helm and argogrant."""

    def _run(self, person: str, words: list[str], stdin: str) -> str:
        if words[0] == "helm":
            return self._helm(words[1:])
        if words[0] == "argogrant":
            return self._argogrant(person, words[1:])
        return super()._run(person, words, stdin)

    def _helm(self, words: list[str]) -> str:
        plane = self.world.plane
        at_hand = [
            str(doc_pages.ROOT / word) if word.startswith("charts/") else word
            for word in words
        ]
        config = plane.kubeconfig()
        said = helm(*at_hand, folder=self.copies, kubeconfig=config).stdout
        if words[0] == "install":
            wait_half_a_minute(plane)
        return said

    def _argogrant(self, person: str, words: list[str]) -> str:
        config = self.world.plane.kubeconfig(*PEOPLE[person])
        done = subprocess.run(
            [sys.executable, "-m", "argogrant.cli.main", *words],
            env={
                **os.environ,
                "KUBECONFIG": str(config),
                "COLUMNS": "88",
                "TZ": "UTC",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def rewritten(self, page: str) -> str:
        """Run every command of a page; return the page with the new output.

        An output that differs only in its varying parts is kept. If the page has no
        output yet, the first one is used.
        """
        return CONSOLE.sub(lambda block: ENTRY.sub(self._entry, block[0]), page)

    def _entry(self, entry: re.Match[str]) -> str:
        command = entry["command"].replace("\\\n", " ").strip()
        print(f"{entry['person']}$ {command}", flush=True)
        line = Line(
            place=PAGE.name,
            person=entry["person"],
            command=command,
            answer=entry["answer"],
        )
        shown = comparable(line.answer)
        seen = self.seen(line, shown) if shown else self.typed(line.person, command)
        print(seen.rstrip(), flush=True)
        is_same = comparable(seen) == shown
        answer = line.answer if is_same else f"{seen.rstrip()}\n".lstrip("\n")
        return f"{entry['person']}$ {entry['command']}{answer}"


def wait_half_a_minute(plane: ControlPlane) -> None:
    """Wait until the API server applies admission policies to the new kinds."""
    for maker in IDENTITY_FIELDS:
        admission_objects.wait_until(plane, maker.field, is_checked=True)
        admission_objects.wait_until_filled_in(plane, maker.field)
    admission_objects.wait_until_they_vouch(plane)


@contextmanager
def reader(plane: ControlPlane, folder: Path) -> Iterator[Reader]:
    """Provide a reader whose cluster has only Argo CD before and after."""
    make_blank(plane)
    plane.argocd.set_rbac({})
    logs = folder / "pods"
    logs.mkdir()
    with kubelet.kubelet(plane, NAMESPACE, logs):
        try:
            yield Reader(World(plane), folder)
        finally:
            clean(plane, folder)


def clean(plane: ControlPlane, folder: Path) -> None:
    """Remove leftovers of an interrupted tutorial, and permissions of users."""
    config = plane.kubeconfig(ADMIN)
    helm("uninstall", *RELEASE, folder=folder, kubeconfig=config, check=False)
    make_blank(plane)
    plane.kubectl("delete", *RIGHTS, "--all", check=False)
