"""Which subjects and roles may be written into Argo CD's RBAC text, and why not.

Source: a name that is written like a role raises the rights of everybody who holds that
role; tried on Argo CD's own enforcer, as the text rule of ``validation``.
"""

from argogrant.grants.model.validation import (
    PROJECT_NAME,
    PROJECT_ROLE_NAME,
    quoted,
    text_problem,
)


def subject_problem(name: str) -> str | None:
    """Say why nobody of this name gets a role, or None if somebody may."""
    problem = text_problem(name)
    if problem is None and name.startswith(("role:", "proj:")):
        problem = (
            "is written like a role; Argo CD would raise the rights of everybody who"
            " holds that role. Name a user or an SSO group"
        )
    if problem is None and name == "admin":
        problem = (
            "is Argo CD's built-in administrator, who needs no grant. Name another"
            " user or an SSO group"
        )
    return problem and f"spec.subject.name {quoted(name)} {problem}."


def role_problem(name: str, project: str | None) -> str | None:
    """Say why a role of this name is not bound, or None if it may be.

    Args:
        name: As Argo CD's RBAC text says it; the bare name if it is a project's.
        project: The AppProject; None for a global role.
    """
    if project is None:
        problem = text_problem(name)
        if problem is None and name.startswith("proj:"):
            problem = (
                "is a project's role; write the project in spec.role.project and the"
                " bare name in spec.role.name"
            )
    elif not PROJECT_NAME.fullmatch(project):
        return (
            f"spec.role.project {quoted(project)} is no name of an AppProject;"
            " write lower-case letters, digits, '-' and '.'."
        )
    elif PROJECT_ROLE_NAME.fullmatch(name):
        return None
    else:
        problem = (
            "is no name of a project's role; write the bare name, letters, digits, '-'"
            " and '_'"
        )
    return problem and f"spec.role.name {quoted(name)} {problem}."
