"""User of a command, as Kubernetes and Argo CD know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from argogrant.api.accessgrant_view import AccessGrantView
from argogrant.api.json_fields import get_dict, get_str
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session
from argogrant.grants.model.grant import SubjectKind
from argogrant.grants.model.identity import Identity, argocd_subject
from argogrant.kube.errors import Forbidden
from argogrant.kube.informer import list_all
from argogrant.kube.permissions import who_am_i
from argogrant.kube.resources import ARGOCD_INSTANCES, Collection

InstanceKey = tuple[str, str]
"""Namespace and name of an ArgoCDInstance."""


@dataclass(frozen=True, slots=True)
class Caller:
    """User of the command, and their names in the Argo CDs."""

    identity: Identity
    prefixes: Mapping[InstanceKey, str] = field(default_factory=dict)
    """``spec.identity.stripPrefix`` of the instances that the user may read."""

    def owns(self, grant: AccessGrantView) -> bool:
        """Return whether the user requested a grant, or receives its role.

        The groups are those that the API server knows; Argo CD may know others.
        """
        if grant.requester == self.identity.username:
            return True
        if grant.subject_kind == SubjectKind.GROUP:
            return grant.subject in self.identity.groups
        prefix = self.prefixes.get((grant.namespace, grant.instance), "")
        return grant.subject == argocd_subject(self.identity, prefix)


async def read_identity(api: Session) -> Identity:
    """Return the identity of the user.

    Raises:
        CommandError: The API server does not report it.
    """
    identity = await who_am_i(api.cluster)
    if identity is None:
        raise CommandError("the API server does not report your user name.")
    return identity


async def read_caller(api: Session, namespace: str) -> Caller:
    """Return the user, with the prefixes that their names lack in Argo CD.

    Args:
        api: Where the instances are.
        namespace: Namespace of the instances; empty for all of them.

    Raises:
        CommandError: The API server does not report the user.
    """
    identity = await read_identity(api)
    prefixes = {}
    try:
        async for body in list_all(
            api.cluster, Collection(ARGOCD_INSTANCES, namespace)
        ):
            metadata = get_dict(body, "metadata")
            key = (get_str(metadata, "namespace"), get_str(metadata, "name"))
            spec = get_dict(body, "spec")
            prefixes[key] = get_str(get_dict(spec, "identity"), "stripPrefix")
    except Forbidden:
        pass  # Without prefix, the names in Kubernetes and in Argo CD are equal.
    return Caller(identity, prefixes)
