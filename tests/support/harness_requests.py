"""The questions that the harness' own tests ask, and the rule that answers one."""

import json
from collections.abc import Mapping

from controlplane import ControlPlane

DEPLOYER = "p, role:deployer, applications, sync, team-a/*, allow\n"
SYNC_SHOP = ("applications", "sync", "team-a/shop")


def whoami(
    plane: ControlPlane, *arguments: str, **options: str
) -> Mapping[str, object]:
    """Ask the API server whom it takes somebody for."""
    command = ("auth", "whoami", "-o", "json", *arguments)
    answer = json.loads(plane.kubectl(*command, **options).stdout)
    info: Mapping[str, object] = answer["status"]["userInfo"]
    return info
