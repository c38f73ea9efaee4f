"""Errors that requesters and approvers see."""

from typing import Final

from trouble import Group, Trouble

REFUSED: Final = Group(
    title="The API server rejects my object",
    where="`kubectl` prints the error; nothing was created or changed.",
    troubles=(
        Trouble(
            name="two_ends",
            title="Two ends, or none",
            message=(
                'The AccessGrant "g1" is invalid: spec: Invalid value: exactly one'
                " of expiresAt (such as 2026-11-24T18:00:00Z) and duration (such as"
                " 2h30m, from the start) is required"
            ),
            meaning="A grant ends at a time, or a duration after its start.",
            remedy="Remove one of the two fields; from Git, keep `expiresAt`.",
        ),
        Trouble(
            name="a_role_as_argo_cd_writes_it",
            title="A project role in one word",
            message=(
                'The AccessGrant "g1" is invalid: spec.role: Invalid value: a role'
                " of an AppProject must be written as project: team-a and name:"
                " deployer, not as proj:team-a:deployer"
            ),
            meaning="The project has a field of its own.",
            remedy="Write `role: {project: team-a, name: deployer}`.",
        ),
        Trouble(
            name="a_longer_grant",
            title="More time for an existing grant",
            message=(
                'The AccessGrant "g1" is invalid: spec: Invalid value: expiresAt can'
                " only become earlier after creation; for more time, create a new"
                " AccessGrant instead"
            ),
            meaning="An approved grant cannot be extended in place.",
            remedy="Create another grant whose `extends` names this one.",
        ),
        Trouble(
            name="a_forged_requester",
            title="Another user as the requester",
            message=(
                'Error from server (Forbidden): error when creating "STDIN":'
                ' accessgrants.argogrant.dev "g1" is forbidden:'
                " ValidatingAdmissionPolicy 'argogrant-requester' with binding"
                " 'argogrant-requester' denied request: spec.requester is not the"
                " user who creates the AccessGrant: username and groups must equal"
                " those of the request, with all groups and no others. Write below"
                ' spec: requester: {username: "oidc:alice", groups: ["people",'
                ' "developers", "system:authenticated"]}'
            ),
            meaning="The API server compares the field with the requesting user.",
            remedy=(
                "Omit `requester` where the API server fills it in, or copy the value"
                " from the message."
            ),
        ),
        Trouble(
            name="a_duration_of_a_service_account",
            title="A duration that a service account requests",
            message=(
                'The accessgrants "g1" is invalid: : ValidatingAdmissionPolicy'
                " 'argogrant-requester' with binding 'argogrant-requester' denied"
                " request: a service account must set spec.expiresAt, or spec.notBefore"
                " beside spec.duration: a duration alone would start again each time"
                " the AccessGrant is re-created; a front end that requests for users"
                " must be listed in trustedFrontEnds of this policy"
            ),
            meaning=(
                "A program can create the object again and again, and each time the"
                " duration would begin again. Without the admission policies the grant"
                " is created, and not in force (`AbsoluteEndRequired`)."
            ),
            remedy=(
                "Write `expiresAt` instead of `duration`, or add `notBefore`. List a"
                " portal that requests for its users in `trustedFrontEnds`."
            ),
        ),
        Trouble(
            name="a_duration_with_the_mark_of_a_tool",
            title="A duration in a manifest that a tool applies again",
            message=(
                'The accessgrants "g1" is invalid: : ValidatingAdmissionPolicy'
                " 'argogrant-requester' with binding 'argogrant-requester' denied"
                " request: an AccessGrant with a label, annotation or controller of a"
                " tool such as Argo CD, Flux, Helm or Velero must set spec.expiresAt,"
                " or spec.notBefore beside spec.duration: a duration alone would start"
                " again each time the AccessGrant is re-created"
            ),
            meaning=(
                "The mark shows that a tool manages the object, and creates it again"
                " after it was deleted."
            ),
            remedy=(
                "Write `expiresAt` instead of `duration`, or add `notBefore`. If no"
                " tool manages the grant, remove its mark."
            ),
        ),
    ),
)

GRANTS: Final = Group(
    title="My grant gives no access",
    where=(
        "`kubectl get accessgrants -o wide` shows the reason and the message of"
        " `Ready`; `kubectl describe` shows every condition."
    ),
    troubles=(
        Trouble(
            name="a_role_that_is_not_there",
            title="The role does not exist",
            message=(
                'RoleNotFound: Argo CD\'s RBAC policy defines no role "role:deploier".'
                " The grant takes effect as soon as the role is defined. Similar roles:"
                ' "role:deployer", "deployer" of project "team-a", "role:admin".'
            ),
            meaning="A typing error, or a role that is not defined yet.",
            remedy=(
                "Create the grant again with one of the roles that"
                " `status.roles` of the ArgoCDInstance lists, or define the role."
            ),
        ),
        Trouble(
            name="a_subject_that_is_a_role",
            title="The subject is a role",
            message=(
                'SubjectRefused: spec.subject.name "readers" is used as a role in Argo'
                " CD's RBAC policy (the right side of a g line, or policy.default), so"
                " a binding grants the new role to all subjects of that role. Name a"
                " user or an SSO group that is not a role."
            ),
            meaning="Argo CD compares users, groups and roles as plain strings.",
            remedy="Name the user or the SSO group; rename the role if they are equal.",
        ),
        Trouble(
            name="a_duration_from_git",
            title="A duration in Git",
            message=(
                "AbsoluteEndRequired: Argo CD applies this grant (annotation"
                ' "argocd.argoproj.io/tracking-id"), where a duration would start again'
                " each time the grant is re-created. Set spec.expiresAt instead of"
                " spec.duration, or set spec.notBefore too: then the duration counts"
                " from it."
            ),
            meaning="Deleting the object would start the duration again.",
            remedy="Write `expiresAt` in Git, or `notBefore` beside `duration`.",
        ),
        Trouble(
            name="scopes_without_email",
            title="Argo CD does not compare e-mail addresses",
            message=(
                'EmailNotInScopes: "alice@example.com" is an e-mail address, and Argo'
                " CD compares subjects with the user id and the claims [groups] only."
                " Write scopes: '[groups, email]' into argocd-rbac-cm, or name the"
                " user id that Argo CD shows to that user."
            ),
            meaning="The grant is bound, but no user matches its subject.",
            remedy="Add the line of the message to `argocd-rbac-cm`.",
        ),
        Trouble(
            name="a_role_that_allows_nothing",
            title="The role allows nothing",
            message=(
                'RoleAllowsNothing: The role "role:viewer" allows nothing: policy.csv'
                " line 3 (p, role:viewer, application, get, */*, allow): Argo CD has no"
                ' resource "application".'
            ),
            meaning="Argo CD accepts rules that match no request, and ignores them.",
            remedy=(
                "Ask the owner of `argocd-rbac-cm` to fix the rule. [What can be"
                " wrong](../how-to/choose-a-role.md#roles-that-allow-nothing)."
            ),
        ),
        Trouble(
            name="an_instance_that_is_not_there",
            title="The instance does not exist",
            message=(
                'InstanceNotFound: There is no ArgoCDInstance "prod" in namespace'
                " argogrant, or it is being deleted. Create it, or create the grant"
                " with another spec.instance."
            ),
            meaning="A grant and its instance are in the same namespace.",
            remedy="`kubectl get argocdinstances` lists the existing ones.",
        ),
        Trouble(
            name="an_end_in_the_past",
            title="The end is before the start",
            message=(
                "Expired: The grant would end at 2026-01-01T00:00:00Z, which is not"
                " after its start at <time>, so it never gives access. Create a new"
                " AccessGrant with a later end."
            ),
            meaning="`expiresAt` has passed, often because a file was applied late.",
            remedy="Create a new grant; times without an offset are UTC.",
        ),
        Trouble(
            name="nothing_to_extend",
            title="Nothing to extend",
            message=(
                'ExtensionRefused: spec.extends names "g0", but no such grant exists in'
                " namespace argogrant. Create a new AccessGrant without spec.extends,"
                " or with the name of a grant that it can extend."
            ),
            meaning="`extends` needs an active grant of the same subject and role.",
            remedy="Omit `extends`, or name the active grant.",
        ),
        Trouble(
            name="a_broken_project",
            title="The project is invalid",
            message=(
                'ProjectInvalid: Argo CD ignores all roles of AppProject "team-a":'
                " AppProject team-a line 2: a p line must have 6 fields, not 3. Fix"
                " that line of the AppProject."
            ),
            meaning="One malformed line disables all roles of its project.",
            remedy="Fix `spec.roles` of the AppProject; then the grant is bound.",
        ),
        Trouble(
            name="a_text_that_is_full",
            title="The ConfigMap is full",
            message=(
                "RBACTextFull: argocd-rbac-cm has no capacity for another binding"
                " (1032192 bytes over all keys). The older grants of a requester take"
                " precedence, a requester with most of the bindings waits before"
                " others, and a part is kept for break glass. The others are bound as"
                " soon as grants end. To add capacity now, shorten the other keys."
            ),
            meaning="A ConfigMap has at most 1 MiB. Revocations still succeed.",
            remedy="Grant to groups instead of users, or shorten the other keys.",
        ),
        Trouble(
            name="a_requester_that_nobody_vouches_for",
            title="The requester is not verified",
            message=(
                "RequesterUnverified: AccessPolicies depend on the requester, and the"
                " grant names none (spec.requester). Install the admission policies of"
                " admission/, then create the grant again with the username and"
                " groups of its creator."
            ),
            meaning="Any user could have written that name, so it does not count.",
            remedy=(
                "[Verify requesters](../how-to/verified-identity.md), then create the"
                " grant again."
            ),
        ),
        Trouble(
            name="a_role_that_no_policy_allows",
            title="No policy allows the role",
            message=(
                'NotAllowed: AccessPolicy "deployers" allows requests of'
                ' "role:deployer", not of "role:admin". Request a role that the'
                " policy lists."
            ),
            meaning="The message names the closest policy, and what was missing.",
            remedy="Request less, or ask the owners of the policy.",
        ),
        Trouble(
            name="somebody_elses_access",
            title="No policy allows the subject",
            message=(
                'NotAllowed: AccessPolicy "deployers" allows requests for the'
                ' requester (User "alice"), not for User "carol". Request access for'
                " a subject that the policy lists."
            ),
            meaning="With `subjects.self` users request access only for themselves.",
            remedy=(
                "Let the user request it. If you are that user,"
                " `spec.identity.stripPrefix` of the ArgoCDInstance has to fit your"
                " Kubernetes user name."
            ),
        ),
        Trouble(
            name="a_subject_with_rules",
            title="The grant would give more than the role",
            message=(
                'SubjectHasRules: AccessPolicy "deployers" does not allow a grant that'
                ' gives "alice" more than the role: Argo CD has rules for the subject'
                " itself, which it applies only once a grant names it: policy.csv line"
                " 3 (p, alice, applications, delete, */*, allow). Name another subject,"
                " or ask an administrator to move these rules to a role, or to set"
                " subjectRules: Accept in the policy."
            ),
            meaning=(
                "Argo CD looks at the rules of a group or an address only if a `g` line"
                " names it. The grant would be the first one."
            ),
            remedy=(
                "[Move the rules to a"
                " role](../how-to/choose-a-role.md#rules-for-the-subject-itself), or"
                " accept them in the policy."
            ),
        ),
        Trouble(
            name="a_grant_that_waits",
            title="The grant waits for approval",
            message=(
                'AwaitingApproval: AccessPolicy "deployers" requires 1 more approval'
                ' until <time>; Group "approvers" may approve.'
            ),
            meaning="This is no error: an approver has to approve.",
            remedy="Ask an approver to create an AccessApproval.",
        ),
        Trouble(
            name="a_refusal",
            title="An approver denied it",
            message=(
                'Denied: "oidc:bob" denied the grant: "wait for the freeze to end".'
            ),
            meaning="One denial by an entitled approver ends a grant.",
            remedy="Contact the approver; then create a new grant.",
        ),
    ),
)

APPROVALS: Final = Group(
    title="My approval does not count",
    where="`kubectl get accessapprovals -o wide` shows the condition `Counted`.",
    troubles=(
        Trouble(
            name="ones_own_approval",
            title="Your own grant",
            message=(
                'SelfApproval: Under AccessPolicy "deployers", requesters and'
                ' recipients cannot approve their own grant. Ask Group "approvers" to'
                " approve it."
            ),
            meaning="A requester or recipient cannot approve the grant.",
            remedy="Ask a colleague.",
        ),
        Trouble(
            name="an_approver_who_may_not",
            title="The policy names other approvers",
            message=(
                'NotEntitled: Under AccessPolicy "deployers", Group "approvers" may'
                " approve this grant."
            ),
            meaning="Kubernetes allows you to create approvals; the policy does not.",
            remedy="Ask one of these approvers, or add yourself to the policy.",
        ),
    ),
)
