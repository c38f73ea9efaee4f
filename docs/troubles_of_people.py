"""What people meet who ask for access, or agree to it."""

from typing import Final

from trouble import Group, Trouble

REFUSED: Final = Group(
    title="The API server refuses what I apply",
    where="`kubectl` prints it, and nothing was created or changed.",
    troubles=(
        Trouble(
            name="two_ends",
            title="Two ends, or none",
            message=(
                'The AccessGrant "g1" is invalid: spec: Invalid value: exactly one'
                " of expiresAt (such as 2026-11-24T18:00:00Z) and duration (such as"
                " 2h30m, from the start) is required"
            ),
            meaning="A grant ends at a time, or some time after its start.",
            remedy="Remove one of the two fields; from Git, keep `expiresAt`.",
        ),
        Trouble(
            name="a_role_as_argo_cd_writes_it",
            title="A project's role in one word",
            message=(
                'The AccessGrant "g1" is invalid: spec.role: Invalid value: a role'
                " of an AppProject must be written as project: team-a and name:"
                " deployer, not as proj:team-a:deployer"
            ),
            meaning="The name says where the role is, and there is a field for that.",
            remedy="Write `role: {project: team-a, name: deployer}`.",
        ),
        Trouble(
            name="a_longer_grant",
            title="More time for a grant that runs",
            message=(
                'The AccessGrant "g1" is invalid: spec: Invalid value: expiresAt can'
                " only become earlier after creation; for more time, create a new"
                " AccessGrant instead"
            ),
            meaning="What was agreed upon does not grow afterwards.",
            remedy="Create another grant whose `extends` names this one.",
        ),
        Trouble(
            name="a_forged_requester",
            title="Somebody else's name as the requester",
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
            meaning="The API server knows who you are, and accepts no other name.",
            remedy=(
                "Leave `requester` out where the API server fills it in, or copy what"
                " the message says."
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
            title="There is no such role",
            message=(
                'RoleNotFound: Argo CD\'s RBAC policy defines no role "role:deploier".'
                " The grant takes effect as soon as the role is defined. Similar roles:"
                ' "role:deployer", "proj:team-a:deployer", "role:admin".'
            ),
            meaning="A typing error, or a role that is still to be defined.",
            remedy=(
                "Create the grant anew with one of the roles that"
                " `status.roles` of the ArgoCDInstance lists, or define the role."
            ),
        ),
        Trouble(
            name="a_subject_that_is_a_role",
            title="The subject is a role",
            message=(
                'SubjectRefused: spec.subject.name "readers" is used as a role in Argo'
                " CD's RBAC policy (the right side of a g line, or policy.default), so"
                " everyone who has that role would get the new role. Name a user or an"
                " SSO group that is not a role."
            ),
            meaning="Argo CD tells people, groups and roles apart by nothing but text.",
            remedy="Name the person or the SSO group; rename the role if both clash.",
        ),
        Trouble(
            name="a_duration_from_git",
            title="A duration in Git",
            message=(
                "AbsoluteEndRequired: Argo CD applies this grant from Git, where a"
                " duration would start again each time the grant is re-created. Set"
                " spec.expiresAt instead of spec.duration."
            ),
            meaning="Whoever deletes the object would start it again.",
            remedy="Write `expiresAt` in Git.",
        ),
        Trouble(
            name="scopes_without_email",
            title="Argo CD does not look at e-mail addresses",
            message=(
                'EmailNotInScopes: "alice@example.com" is an e-mail address, and Argo'
                " CD compares subjects with the user id and the claims [groups] only."
                " Write scopes: '[groups, email]' into argocd-rbac-cm, or name the"
                " user id that Argo CD shows to that user."
            ),
            meaning="The grant is bound, and nobody is who it names.",
            remedy="Write the line of the message into `argocd-rbac-cm`.",
        ),
        Trouble(
            name="an_instance_that_is_not_there",
            title="There is no such instance",
            message=(
                'InstanceNotFound: There is no ArgoCDInstance "prod" in namespace'
                " argogrant. Create it, or create the grant with another"
                " spec.instance."
            ),
            meaning="A grant and its instance are in the same namespace.",
            remedy="`kubectl get argocdinstances` lists those that there are.",
        ),
        Trouble(
            name="an_end_in_the_past",
            title="It had ended before it began",
            message=(
                "Expired: The grant would end at 2026-01-01T00:00:00Z, which is not"
                " after its start at <time>, so it never gives access. Create a new"
                " AccessGrant with a later end."
            ),
            meaning="`expiresAt` is past, often since a file was applied late.",
            remedy="Create a new grant; times are UTC unless they say otherwise.",
        ),
        Trouble(
            name="nothing_to_extend",
            title="Nothing to extend",
            message=(
                'ExtensionRefused: spec.extends names "g0", but no such grant exists in'
                " namespace argogrant. Create a new AccessGrant without spec.extends,"
                " or with the name of a grant that it can extend."
            ),
            meaning="Only a grant that runs, of the same subject and role, goes on.",
            remedy="Leave `extends` out, or name the grant that runs.",
        ),
        Trouble(
            name="a_broken_project",
            title="The project is broken",
            message=(
                'ProjectInvalid: Argo CD ignores all roles of AppProject "team-a":'
                " AppProject team-a line 2: a p line must have 6 fields, not 3. Fix"
                " that line of the AppProject."
            ),
            meaning="One bad line takes all roles of its project away, from everybody.",
            remedy="Mend `spec.roles` of the AppProject; the grant is bound then.",
        ),
        Trouble(
            name="a_text_that_is_full",
            title="There is no room",
            message=(
                "RBACTextFull: argocd-rbac-cm has no capacity for another binding"
                " (1032192 bytes over all keys); older grants take precedence. The"
                " others are bound as soon as grants end. To add capacity now, shorten"
                " the other keys."
            ),
            meaning="Kubernetes keeps a ConfigMap below 1 MiB. Ends still get through.",
            remedy="Grant to groups rather than to many people, or shorten other keys.",
        ),
        Trouble(
            name="a_requester_that_nobody_vouches_for",
            title="Nobody vouches for the requester",
            message=(
                "RequesterUnverified: AccessPolicies depend on the requester, and the"
                " grant names none (spec.requester). Install the admission policies of"
                " admission/, then create the grant again with your own username and"
                " groups."
            ),
            meaning="Anybody could have written that name, so that it does not count.",
            remedy=(
                "[Let the API server vouch](../how-to/verified-identity.md), then ask"
                " anew."
            ),
        ),
        Trouble(
            name="a_role_that_no_policy_allows",
            title="No policy allows the role",
            message=(
                'NotAllowed: AccessPolicy "deployers" allows you to request'
                ' "role:deployer", not "role:admin". Request a role that the policy'
                " lists."
            ),
            meaning="The policy that comes nearest is named, with what was missing.",
            remedy="Ask for less, or ask the owners of the policy.",
        ),
        Trouble(
            name="somebody_elses_access",
            title="No policy allows the subject",
            message=(
                'NotAllowed: AccessPolicy "deployers" allows requests for yourself'
                ' (User "alice"), not for User "carol". Request access for a subject'
                " that the policy lists."
            ),
            meaning="With `subjects.self` people ask for themselves only.",
            remedy=(
                "Let the person ask. If it is you, `spec.identity.stripPrefix` of the"
                " ArgoCDInstance has to fit your Kubernetes user name."
            ),
        ),
        Trouble(
            name="a_grant_that_waits",
            title="It waits for approval",
            message=(
                'AwaitingApproval: AccessPolicy "deployers" requires 1 more approval'
                ' until <time>; Group "approvers" may approve.'
            ),
            meaning="No error: somebody else has to agree.",
            remedy="Ask one of them to create an AccessApproval.",
        ),
        Trouble(
            name="a_refusal",
            title="Somebody refused it",
            message=(
                'Denied: "oidc:bob" denied the grant: "wait for the freeze to end".'
            ),
            meaning="One refusal by somebody who may approve ends a grant.",
            remedy="Speak to them; then create a new grant.",
        ),
    ),
)

APPROVALS: Final = Group(
    title="My approval does not count",
    where="`kubectl get accessapprovals -o wide` shows the condition `Counted`.",
    troubles=(
        Trouble(
            name="ones_own_approval",
            title="One's own grant",
            message=(
                'SelfApproval: Under AccessPolicy "deployers", requesters and'
                ' recipients cannot approve their own grant. Ask Group "approvers" to'
                " approve it."
            ),
            meaning="Whoever asks, or receives, does not agree to it as well.",
            remedy="Ask a colleague.",
        ),
        Trouble(
            name="an_approver_who_may_not",
            title="The policy names others",
            message=(
                'NotEntitled: Under AccessPolicy "deployers", Group "approvers" may'
                " approve this grant."
            ),
            meaning="Kubernetes lets you create approvals; the policy lets others.",
            remedy="Ask one of those, or have the policy name you.",
        ),
    ),
)
