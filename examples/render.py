"""Write what the operator writes for each example while its grant is in force."""

from datetime import timedelta
from pathlib import Path

import yaml

from argogrant.api.accessgrant import read_grant
from argogrant.argocd.overlay import Owner, render_overlay
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.window import format_instant, window_of

OWNER = Owner(
    namespace="argogrant",
    instance="default",
    uid="5b0cb1a5-2f4e-4f0c-9a52-3f8f6c1c9f10",
)


def render(folder: Path) -> str:
    """Give the overlay for the one grant of an example."""
    body = yaml.safe_load((folder / "grant.yaml").read_text())
    body["metadata"] |= {"uid": "u", "creationTimestamp": "2026-11-24T15:00:00Z"}
    grant = read_grant(body)
    window = window_of(grant, max_duration=timedelta(hours=24))
    end = body["spec"].get("expiresAt")
    assert end in {None, format_instant(window.end)}
    binding = Binding(grant.subject.name, grant.role.bound_as)
    return render_overlay(OWNER, {binding: window.end})


def folders() -> list[Path]:
    """Name the numbered examples."""
    return sorted(Path(__file__).parent.glob("[0-9]*"))


if __name__ == "__main__":
    for one in folders():
        (one / "policy.csv").write_text(render(one))
