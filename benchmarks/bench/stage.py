"""A fresh control plane, ready for the operator, and the clients that measure."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.clients import Clients
from bench.process import Operator
from controlplane import local
from controlplane.plane import ControlPlane
from support import operator_process
from support.live_cluster import INSTANCE, RULES

MOST_GRANTS = 20_000
"""All grants have the same requester, one that is not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What every phase needs."""

    clients: Clients
    plane: ControlPlane
    log: Path

    def operator(self, identity: str = "argogrant-0") -> Operator:
        """Give an operator of this name, which is not started yet."""
        return Operator(self.plane, self.log, identity)


@asynccontextmanager
async def a_stage(log: Path | None) -> AsyncIterator[Stage]:
    """Start etcd, kube-apiserver and argocd-server for the length of a block."""
    with local.start() as plane, tempfile.TemporaryDirectory() as folder:
        operator_process.install_with_instance(plane)
        plane.apply({**INSTANCE, "spec": {"maxOpenPerRequester": MOST_GRANTS}})
        plane.argocd.set_rbac({"policy.csv": RULES})
        async with Clients(plane) as clients:
            yield Stage(
                clients=clients, plane=plane, log=log or Path(folder) / "operator.log"
            )
