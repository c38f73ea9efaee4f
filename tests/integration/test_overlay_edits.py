"""Manual lines in our key, which the operator removes."""

import pytest

from support.live_cluster import OVERLAY, World, a_grant, eventually

BINDING = "g, alice, role:deployer\n"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(BINDING, id="a binding"),
        pytest.param('"g", "alice" ,role:deployer', id="a binding in other words"),
        pytest.param("p, alice, applications, sync, */*, allow\n", id="a rule"),
        pytest.param("p, role:deployer, *, *, */*, deny\n", id="a denial"),
        pytest.param("p, broken\n", id="a line that breaks Argo CD"),
    ],
)
def test_manual_line_is_removed_from_the_overlay(world: World, line: str) -> None:
    """Access returns to that of the grants."""
    world.apply(a_grant("own", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    written = world.overlay()
    world.edit({OVERLAY: written + line})
    eventually(lambda: world.overlay() == written, within=10)
    world.plane.argocd.settle()

    assert not world.may_sync()
    assert world.may_sync("erin")
