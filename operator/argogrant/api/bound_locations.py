"""Where an Argo CD is, and how an instance's status remembers where it has bound."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import Field, ValidationError

from argogrant.api.remote_cluster import RemoteCluster
from argogrant.api.schema import Model

MAX_LOCATIONS: Final = 8
"""Places at once: the present one, and those that could not be cleaned yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDLocation:
    """Where an Argo CD is, and what is needed to get there."""

    namespace: str
    cluster: RemoteCluster | None = None
    """None for the cluster of our own objects."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes it another place: not its token, nor who signed for it."""
        return (self.cluster.server if self.cluster else "", self.namespace)

    def describe(self) -> str:
        """Name it in a message."""
        where = f" of {self.cluster.server}" if self.cluster else ""
        return f"namespace {self.namespace}{where}"


def location_at(namespace: str, cluster: RemoteCluster | None) -> ArgoCDLocation:
    """Give the place; how often its token is renewed is none of its business."""
    return ArgoCDLocation(
        namespace=namespace,
        cluster=replace(cluster, rotation=None) if cluster else None,
    )


class LocationModel(Model):
    """A place where this instance may have bound something."""

    namespace: str = Field(max_length=63, description="The namespace of that Argo CD.")
    server: str | None = Field(
        None,
        max_length=512,
        description="The URL of its cluster; absent for the cluster of this object.",
    )
    ca_bundle: str | None = Field(
        None,
        max_length=131072,
        description="spec.cluster.caBundle as it was for that cluster.",
        json_schema_extra={"format": "byte"},
    )
    secret_name: str | None = Field(
        None, max_length=253, description="The Secret with the token for that cluster."
    )
    secret_key: str | None = Field(
        None, max_length=253, description="The key of that Secret."
    )


def write_locations(places: Iterable[ArgoCDLocation]) -> list[dict[str, Any]]:
    """Write places into a status."""
    return [_written(place) for place in places]


def read_locations(status: Mapping[str, Any]) -> tuple[ArgoCDLocation, ...]:
    """Read the places of a status; what makes no sense was not written by us."""
    return tuple(filter(None, map(_read, status.get("boundIn") or ())))


def _written(place: ArgoCDLocation) -> dict[str, Any]:
    cluster = place.cluster
    if cluster is None:
        return {"namespace": place.namespace}
    written = {
        "namespace": place.namespace,
        "server": cluster.server,
        "secretName": cluster.secret_name,
        "secretKey": cluster.secret_key,
    }
    if cluster.ca_bundle:
        authorities = cluster.ca_bundle.encode("ascii")
        written["caBundle"] = base64.b64encode(authorities).decode()
    return written


def _read(written: Mapping[str, Any]) -> ArgoCDLocation | None:
    try:
        model = LocationModel.model_validate(written)
        authorities = base64.b64decode(model.ca_bundle or "").decode("ascii")
    except (ValidationError, ValueError):
        return None
    if not model.server:
        return ArgoCDLocation(namespace=model.namespace)
    return ArgoCDLocation(
        namespace=model.namespace,
        cluster=RemoteCluster(
            server=model.server,
            ca_bundle=authorities,
            secret_name=model.secret_name or "",
            secret_key=model.secret_key or "",
        ),
    )
