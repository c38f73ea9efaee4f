"""From what was seen to the facts that decisions are made of."""

from argogrant.grants.facts import InstanceFacts
from argogrant.instance.argocd import Snapshot
from argogrant.instance.records import InstanceRecord
from argogrant.rbac.roles import discover_roles, names_used_as_roles


def gather(name: str, record: InstanceRecord | None, seen: Snapshot) -> InstanceFacts:
    """Put together what is known of one instance.

    Args:
        name: What grants call it.
        record: The ArgoCDInstance, if there is one.
        seen: Its Argo CD.
    """
    if record is None or record.instance is None:
        return InstanceFacts(name=name, exists=False)
    instance = record.instance
    if seen.config_map is None:
        return InstanceFacts(
            name=name,
            exists=not instance.being_deleted,
            max_duration=instance.max_duration,
            text_is_known=False,
            projects_are_known=False,
        )
    text = seen.config_map.others
    return InstanceFacts(
        name=name,
        exists=not instance.being_deleted,
        max_duration=instance.max_duration,
        projects_are_known=seen.projects_are_known,
        roles=frozenset(role.bound_as for role in discover_roles(text, seen.projects)),
        unreadable_projects={
            project.name: str(problem)
            for project in seen.projects
            if (problem := project.problem())
        },
        names_used_as_roles=names_used_as_roles(text, seen.projects),
    )
