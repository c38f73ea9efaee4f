"""From what was seen to the facts that decisions are made of."""

from dataclasses import dataclass, replace
from datetime import timedelta

from argogrant.api.argocdinstance import Instance
from argogrant.grants.facts import InstanceFacts
from argogrant.instance.argocd import Snapshot
from argogrant.instance.records import InstanceRecord
from argogrant.rbac.projects import Project
from argogrant.rbac.roles import DiscoveredRole, discover_roles, names_used_as_roles
from argogrant.rbac.text import RBACText


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The facts about one instance, and the roles that it can be asked for."""

    facts: InstanceFacts
    roles: tuple[DiscoveredRole, ...] = ()


class Gatherer:
    """Gathers facts anew only when something that they are made of changed.

    Args:
        name: What grants call the instance.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._understood: Instance | None = None
        self._sources: object = None
        self._gathered = Gathered(facts=InstanceFacts(name=name, exists=False))

    def gather(self, record: InstanceRecord | None, seen: Snapshot) -> Gathered:
        """Put together what is known of the instance.

        One that can not be understood any longer is taken for what it was, but its
        grants are in doubt: what is bound stays until its end, and nothing is added.

        Args:
            record: The ArgoCDInstance, if there is one.
            seen: Its Argo CD.

        Returns:
            The very object of the last time if nothing changed since.
        """
        text = seen.config_map.others if seen.config_map is not None else None
        if record is not None and record.instance is None:
            text = None
        instance = self._instance(record)
        sources = (instance, text, seen.projects, seen.projects_are_known)
        if sources != self._sources:
            self._sources = sources
            known = seen.projects if seen.projects_are_known else None
            self._gathered = _gather(self._name, instance, text, known)
        return self._gathered

    def _instance(self, record: InstanceRecord | None) -> Instance | None:
        if record is None:
            return None
        if record.instance is not None:
            self._understood = record.instance
            return record.instance
        last = self._understood or Instance(
            uid=record.uid,
            namespace=record.namespace,
            name=record.name,
            argocd_namespace="",
            max_duration=timedelta.max,  # a guess could end grants for good
        )
        return replace(last, being_deleted=record.being_deleted)


def _gather(
    name: str,
    instance: Instance | None,
    text: RBACText | None,
    projects: tuple[Project, ...] | None,
) -> Gathered:
    if instance is None:
        return Gathered(facts=InstanceFacts(name=name, exists=False))
    if text is None:
        return Gathered(
            facts=InstanceFacts(
                name=name,
                exists=not instance.being_deleted,
                max_duration=instance.max_duration,
                text_is_known=False,
                projects_are_known=False,
            )
        )
    known = projects or ()
    roles = discover_roles(text, known)
    facts = InstanceFacts(
        name=name,
        exists=not instance.being_deleted,
        max_duration=instance.max_duration,
        projects_are_known=projects is not None,
        roles=frozenset(role.bound_as for role in roles),
        unreadable_projects={
            project.name: str(problem)
            for project in known
            if (problem := project.problem())
        },
        names_used_as_roles=names_used_as_roles(text, known),
    )
    return Gathered(facts=facts, roles=roles)
