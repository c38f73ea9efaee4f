"""Attacks by position: each function is one attack, and its docstring says what."""

from hostile.attacks import (
    approver,
    neighbour,
    project_admin,
    rbac_owner,
    remote_owner,
    requester,
    writers,
)

MODULES = (
    project_admin,
    rbac_owner,
    requester,
    approver,
    neighbour,
    writers,
    remote_owner,
)
"""All modules with attacks; importing them registers the attacks."""
