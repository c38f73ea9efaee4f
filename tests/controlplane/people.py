"""Predefined users of every control plane, and their groups."""

ADMIN = "admin"
ADMIN_GROUPS = ("system:masters",)

PEOPLE = {
    "alice": ("developers",),
    "bob": ("approvers",),
    "carol": ("developers", "approvers"),
    "dave": ("developers",),
    "erin": (),
}
"""People with an identity in Kubernetes and an account in Argo CD, and their groups."""

COLLEAGUES = {
    "alice@example.com": ("developers",),
    "bob@example.com": ("release-managers",),
}
"""People with an identity in Kubernetes only, and their groups; Argo CD knows them by a
claim. Our own commands heed no impersonation, so who types them is here."""

KNOWN = {**PEOPLE, **COLLEAGUES}
"""All users with an identity in Kubernetes, except the admin, and their groups."""

NOBODY = "nobody"
"""An Argo CD account that never gets a grant."""

ACCOUNTS = (*PEOPLE, NOBODY)
