"""What is kept of Argo CD's objects: its ConfigMap and its AppProjects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from argogrant.argocd.appproject.annotation import MEMBERS_ANNOTATION
from argogrant.argocd.appproject.project import Project, ProjectRole
from argogrant.argocd.argocd_cm import read_settings
from argogrant.argocd.overlay import Overlay, read_overlay
from argogrant.argocd.policy_csv import SCOPES_KEY, RBACText, read_others
from argogrant.controller.appproject.patch import tokens_of
from argogrant.grants.model.sign_in import Settings
from argogrant.kube.client import FIELD_MANAGER, Body

MAX_MARK: Final = 256
"""Characters of a label or an annotation that may name an owner."""


@dataclass(frozen=True)
class ObservedConfigMap:
    """``argocd-rbac-cm`` as last seen or written; each of its keys is read once."""

    resource_version: str
    data: dict[str, str]
    last_manager: str = ""
    """The field manager other than ours that wrote last, as far as it is recorded."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Labels and annotations, by which an owner may be named."""

    @cached_property
    def others(self) -> RBACText:
        """What everybody else wrote."""
        return read_others(self.data)

    @cached_property
    def overlay(self) -> Overlay | None:
        """What our own key holds."""
        return read_overlay(self.data)

    @property
    def is_taken_in(self) -> bool:
        """Whether Argo CD goes by it; with ``scopes`` that are no list it does not."""
        return self.others.claims is not None

    @property
    def scopes(self) -> str | None:
        """The claims that Argo CD compares with subjects, as written."""
        return self.data.get(SCOPES_KEY)


def observe_config_map(body: Body) -> ObservedConfigMap:
    """Keep what matters of ``argocd-rbac-cm``."""
    metadata = body["metadata"]
    return ObservedConfigMap(
        metadata["resourceVersion"],
        dict(body.get("data") or {}),
        _last_manager(metadata),
        _marks(metadata),
    )


def _last_manager(metadata: Body) -> str:
    managers = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER
    ]
    _, last_manager = max(managers, default=("", ""))
    return last_manager


def observe_settings(body: Body) -> Settings:
    """Keep of ``argocd-cm`` how people sign in; it may be as large as it likes."""
    return read_settings(body.get("data") or {})


def _marks(metadata: Body) -> dict[str, str]:
    """Keep short labels and annotations; a label counts before an annotation."""
    both = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    both.pop(MEMBERS_ANNOTATION, None)  # it changes with what we write
    return {key: str(value) for key, value in both.items() if len(value) <= MAX_MARK}


def observe_project(body: Body) -> Project:
    """Keep what matters of an AppProject, whatever its author left out."""
    metadata = body["metadata"]
    roles = (body.get("spec") or {}).get("roles") or ()
    annotations = dict(metadata.get("annotations") or {})
    members = annotations.pop(MEMBERS_ANNOTATION, None)
    return Project(
        name=metadata["name"],
        marks=_marks(metadata),
        resource_version=str(metadata.get("resourceVersion", "")),
        last_manager=_last_manager(metadata),
        members=members,
        annotation_bytes=sum(
            len(key.encode()) + len(str(value).encode())
            for key, value in annotations.items()
        ),
        tokens=tokens_of(body),
        roles=tuple(
            ProjectRole(
                name=str(role.get("name", "")),
                description=str(role.get("description") or ""),
                policies=tuple(map(str, role.get("policies") or ())),
                groups=tuple(map(str, role.get("groups") or ())),
            )
            for role in roles
        ),
    )
