"""What annotations, labels and finalizers on our objects mean."""

from typing import Final

from argogrant.api.accessgrant import (
    ABANDON_ANNOTATION,
    BREAK_GLASS_LABEL,
    TRACKING_ANNOTATION,
)
from argogrant.api.crd import ACCESS_GRANT, ARGOCD_INSTANCE
from argogrant.controller.status.writer import FINALIZER

ABANDON: Final = (
    '`"true"`: a person asks that a deleted grant vanish although its revocation is'
    " not certain. Look at `argocd-rbac-cm` by hand afterwards. On a grant that is not"
    " being deleted it does nothing."
)
TRACKED: Final = (
    "Argo CD writes it on what it applies from Git. Such a grant must have"
    " `spec.expiresAt`, or else it is not bound (`AbsoluteEndRequired`)."
)
BREAK_GLASS: Final = (
    '`"true"`: the operator puts it on every grant with `spec.breakGlass: true`, so'
    " that `kubectl get accessgrants -l argogrant.dev/break-glass=true` shows what was"
    " given in emergencies."
)
GRANT_FINALIZER: Final = (
    "The operator sets it, and removes it when the revocation of a deleted grant was"
    " acknowledged. If it is removed by hand, the object goes at once; the operator"
    " takes the binding away all the same, now or when it runs again."
)
ABANDON_INSTANCE: Final = (
    '`"true"`: a person asks that a deleted instance vanish although its bindings may'
    " still be obeyed, because `argocd-rbac-cm` is missing or can not be written. Its"
    " deleted grants go with it. Look at `argocd-rbac-cm` by hand afterwards. On an"
    " instance that is not being deleted it does nothing."
)
INSTANCE_FINALIZER: Final = (
    "The operator sets it, and removes it when `policy.argogrant.csv` of a deleted"
    " instance is gone. While `argocd-rbac-cm` is missing it waits. If it is removed"
    " by hand while no operator runs, the bindings stay in `argocd-rbac-cm` until"
    " another ArgoCDInstance of the same namespace takes the key over."
)
MARKS: Final = {
    ACCESS_GRANT.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON),
        (f"annotation `{TRACKING_ANNOTATION}`", TRACKED),
        (f"label `{BREAK_GLASS_LABEL}`", BREAK_GLASS),
        (f"finalizer `{FINALIZER}`", GRANT_FINALIZER),
    ),
    ARGOCD_INSTANCE.kind: (
        (f"annotation `{ABANDON_ANNOTATION}`", ABANDON_INSTANCE),
        (f"finalizer `{FINALIZER}`", INSTANCE_FINALIZER),
    ),
}
"""By kind: each mark, and what it means."""
