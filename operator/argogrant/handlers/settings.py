"""Settings of the operator process, from the environment.

``argogrant operator`` turns its options into these variables and runs
``kopf run -m argogrant.handlers``. The variables can also be set by hand in front of
``kopf run``, which does not accept these options.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Options of ``argogrant operator``, under the same names.

    The variable of ``lease_seconds`` is ``ARGOGRANT_LEASE_SECONDS``, and so on.
    """

    namespaces: tuple[str, ...] = ()
    """Namespaces to list before this process leads, so a standby starts warm."""
    sweep_seconds: float = 60.0
    """Seconds between two resyncs of an instance. (``argogrant sweep``, which removes
    expired bindings without the operator, has a schedule of its own.)"""
    lease_namespace: str = ""
    """Namespace of the Lease; empty for no leader election."""
    lease_seconds: float = 15.0
    identity: str = ""
    accept_unverified_requesters: bool = False
    """Trust spec.requester and spec.approver without the admission policies."""
    port: int | None = None
    """Port of probes and metrics; None to serve none."""
    audit_sink: str = ""
    """URL that receives audit events besides standard output; empty for none."""
    audit_sink_token_file: Path | None = None
    audit_sink_ca_file: Path | None = None
    audit_spool: Path | None = None
    """Folder of the events that wait for the sink; None keeps them in memory."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; every unset variable has its default."""
        values = {
            name: environment.get(f"ARGOGRANT_{name.upper()}", "")
            for name in cls.__slots__
        }
        namespaces = tuple(filter(None, values["namespaces"].split(",")))
        return cls(
            namespaces=namespaces or _namespaces_of_kopf(),
            sweep_seconds=float(values["sweep_seconds"] or 60),
            lease_namespace=values["lease_namespace"],
            lease_seconds=float(values["lease_seconds"] or 15),
            accept_unverified_requesters=(
                values["accept_unverified_requesters"] == "true"
            ),
            identity=values["identity"] or f"{socket.gethostname()}_{os.getpid()}",
            port=int(values["port"]) if values["port"] else None,
            audit_sink=values["audit_sink"],
            audit_sink_token_file=_path(values["audit_sink_token_file"]),
            audit_sink_ca_file=_path(values["audit_sink_ca_file"]),
            audit_spool=_path(values["audit_spool"]),
        )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _namespaces_of_kopf() -> tuple[str, ...]:
    """Return the ``--namespace`` options of the ``kopf run`` that loads this module."""
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("namespaces") or ()) if context else ()
