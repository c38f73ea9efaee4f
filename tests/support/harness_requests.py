"""Requests of the harness' own tests, and the rule that allows one of them."""

import json
from collections.abc import Mapping

from controlplane import ControlPlane

DEPLOYER = "p, role:deployer, applications, sync, team-a/*, allow\n"
SYNC_SHOP = ("applications", "sync", "team-a/shop")


def whoami(
    plane: ControlPlane, *arguments: str, **options: str
) -> Mapping[str, object]:
    """Return the user info of the API server for a user."""
    command = ("auth", "whoami", "-o", "json", *arguments)
    review = json.loads(plane.kubectl(*command, **options).stdout)
    info: Mapping[str, object] = review["status"]["userInfo"]
    return info
