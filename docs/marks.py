"""Meanings of the annotations, labels and finalizers of argogrant's objects."""

from typing import Final

from argogrant.api.accessgrant import (
    ABANDON_ANNOTATION,
    BREAK_GLASS_LABEL,
    FINALIZER,
    TRACKING_ANNOTATION,
)
from argogrant.api.crd import ACCESS_GRANT, ARGOCD_INSTANCE
from argogrant.grants.checks import RECORD_ANNOTATION

ABANDON: Final = (
    '`"true"`: release a deleted grant although its revocation is not certain. Check'
    " `argocd-rbac-cm` afterwards. It has no effect on a grant that is not being"
    " deleted."
)
TRACKED: Final = (
    "Argo CD writes it on objects that it applies from Git. Such a grant must have"
    " `spec.expiresAt`, or `spec.notBefore` beside `spec.duration`; otherwise the"
    " operator does not bind it (`AbsoluteEndRequired`). The same applies to the"
    " [marks of other tools](../how-to/grants-from-git.md#other-tools)."
)
RECORD: Final = (
    "The operator writes it with the finalizer, before the binding, and when the grant"
    " is denied, revoked or not approved in time: uid of the object, start, end, and"
    " why it ended. A copy of the object carries the record of the original, and gets"
    " only what is left of its time; see"
    " [copies](../how-to/restore-from-a-backup.md#copies-of-a-grant). A record never"
    " makes access longer. If it cannot be read, the grant gives no access. Remove it"
    " from a manifest that requests new access."
)
BREAK_GLASS: Final = (
    '`"true"`: the operator adds it to every grant with `spec.breakGlass: true`.'
    " `kubectl get accessgrants -l argogrant.dev/break-glass=true` lists these grants."
)
GRANT_FINALIZER: Final = (
    "The operator adds it, and removes it when the revocation of a deleted grant is"
    " confirmed. If a user removes it, the object is deleted immediately; the operator"
    " still removes the binding, now or when it runs again."
)
ABANDON_INSTANCE: Final = (
    '`"true"`: release a deleted instance although its bindings may still apply,'
    " because `argocd-rbac-cm` is missing or cannot be written. Its deleted grants are"
    " released with it. Check `argocd-rbac-cm` afterwards. It has no effect on an"
    " instance that is not being deleted."
)
INSTANCE_FINALIZER: Final = (
    "The operator adds it, and removes it when `policy.argogrant.csv` of a deleted"
    " instance is removed. It waits while `argocd-rbac-cm` is missing. If a user"
    " removes it while no operator runs, the bindings stay in `argocd-rbac-cm` until"
    " another ArgoCDInstance of the same namespace takes over the key."
)
MARKS: Final = {
    ACCESS_GRANT.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON),
        (f"annotation `{TRACKING_ANNOTATION}`", TRACKED),
        (f"annotation `{RECORD_ANNOTATION}`", RECORD),
        (f"label `{BREAK_GLASS_LABEL}`", BREAK_GLASS),
        (f"finalizer `{FINALIZER}`", GRANT_FINALIZER),
    ),
    ARGOCD_INSTANCE.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON_INSTANCE),
        (f"finalizer `{FINALIZER}`", INSTANCE_FINALIZER),
    ),
}
"""Annotations, labels and finalizers with their meanings, by kind."""
