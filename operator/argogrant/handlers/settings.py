"""The settings of the operator process, from the environment."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What ``argogrant operator`` was told; its options have the same names."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to know before leading, so that a standby is warm."""
    sweep_seconds: float = 60.0
    """How often everything is listed anew, whatever the watches said."""
    lease_namespace: str = ""
    """Where the Lease is; without one there is no election."""
    lease_seconds: float = 15.0
    identity: str = ""
    accept_unverified_requesters: bool = False
    """Believe what objects say about who made them."""
    port: int | None = None
    """Where probes and metrics are served; None for nowhere."""
    audit_sink: str = ""
    """Where audit events are posted beside standard output; empty for nowhere."""
    audit_sink_token_file: Path | None = None
    audit_sink_ca_file: Path | None = None
    audit_spool: Path | None = None
    """Where events wait for the sink; None keeps them in memory."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; what is not set has its default."""
        told = {
            name: environment.get(f"ARGOGRANT_{name.upper()}", "")
            for name in cls.__slots__
        }
        namespaces = tuple(filter(None, told["namespaces"].split(",")))
        return cls(
            namespaces=namespaces or _namespaces_of_kopf(),
            sweep_seconds=float(told["sweep_seconds"] or 60),
            lease_namespace=told["lease_namespace"],
            lease_seconds=float(told["lease_seconds"] or 15),
            accept_unverified_requesters=told["accept_unverified_requesters"] == "true",
            identity=told["identity"] or f"{socket.gethostname()}_{os.getpid()}",
            port=int(told["port"]) if told["port"] else None,
            audit_sink=told["audit_sink"],
            audit_sink_token_file=_path(told["audit_sink_token_file"]),
            audit_sink_ca_file=_path(told["audit_sink_ca_file"]),
            audit_spool=_path(told["audit_spool"]),
        )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _namespaces_of_kopf() -> tuple[str, ...]:
    """Ask ``kopf run``, whose command line this is, which namespaces it was given."""
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("namespaces") or ()) if context else ()


SETTINGS: Final = OperatorSettings.read(os.environ)
