"""Every attack for some seconds each; not a part of ``make check``."""

from collections.abc import Iterator

import pytest

from controlplane.plane import ControlPlane
from hostile.attack import ATTACKS, Attack
from hostile.attacks import MODULES
from hostile.running import Stage, on_stage
from hostile.scene import Scene
from hostile.verdict import table

SECONDS = 6.0


def test_every_module_has_attacks() -> None:
    modules = {one.change.__module__ for one in ATTACKS}

    assert modules == {one.__name__ for one in MODULES}


@pytest.fixture(scope="module")
def stage(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One operator for all attacks; an attack that ends it starts another one."""
    if not control_plane.is_ours:
        pytest.skip("a cluster that is not ours is not to be attacked")
    folder = tmp_path_factory.mktemp("hostile")
    with on_stage(Scene(control_plane), folder, print) as stage:
        yield stage
        print(table(stage.outcomes, stage.usual))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.name)
def test_nobody_delays_a_revocation(stage: Stage, attack: Attack) -> None:
    """The formula is in ``hostile.verdict.limit``."""
    outcome = stage.run(attack, seconds=SECONDS)

    assert not outcome.violations, "\n".join(outcome.violations)
