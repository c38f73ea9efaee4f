"""What the operator of an instance has to be allowed in its own cluster. Pure."""

from argogrant.api.argocdinstance import Instance
from argogrant.controller.required_permissions import (
    disposal_rights,
    home_rights,
    needed_rights,
    process_rights,
)
from argogrant.kube.permissions import Right


def operators_rights(namespace: str, instance: Instance | None) -> tuple[Right, ...]:
    """Name every right, one by one.

    Args:
        namespace: Where the operator, its instances and its grants are.
        instance: None if it can not be understood; of an Argo CD in another cluster
            nothing is asked here.
    """
    cluster = instance.cluster if instance is not None else None
    is_here = instance is not None and cluster is None
    return (
        *home_rights(namespace, cluster),
        *disposal_rights(namespace),
        *process_rights(namespace),
        *(needed_rights(instance) if instance is not None and is_here else ()),
    )
