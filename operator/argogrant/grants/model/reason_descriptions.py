"""What each reason means, in the words that people read.

These sentences are the reference documentation: ``make generate`` writes
``docs/reference`` from them.
"""

from argogrant.grants.model.reasons import Reason

DESCRIPTIONS: dict[Reason, str] = {
    Reason.POLICY_NOT_REQUIRED: (
        "Nobody has to agree: whoever may create AccessGrants in this namespace "
        "decides (Kubernetes RBAC)."
    ),
    Reason.AUTO_APPROVED: (
        "An AccessPolicy allows the grant without anybody's approval; the message "
        "names it."
    ),
    Reason.APPROVED_BY_REVIEWERS: (
        "As many people have approved the grant as its AccessPolicy asks for; the "
        "message names the policy and the people."
    ),
    Reason.BREAK_GLASS: (
        "The grant asked for access in an emergency (`spec.breakGlass`): nobody had to "
        "approve it, it is short, and it is shown loudly."
    ),
    Reason.AWAITING_APPROVAL: (
        "The grant waits until enough people have approved it, or an approval that it "
        "had no longer counts; the message says how many are missing and who may."
    ),
    Reason.NOT_ALLOWED: (
        "No AccessPolicy allows the grant, or one forbids it. The message names the "
        "nearest policy and what was missing. The grant is in force as soon as a "
        "policy allows it, until its end."
    ),
    Reason.DENIED: (
        "Somebody who may approve the grant refused it; it never gives access. The "
        "message says who, and why."
    ),
    Reason.APPROVAL_TIMED_OUT: (
        "Not enough people approved the grant in time; it never gives access. Create a "
        "new one and ask again."
    ),
    Reason.REQUESTER_UNVERIFIED: (
        "AccessPolicies decide by who asks, and nobody vouches for who asked for this "
        "grant: it names no requester, or was created while the admission policies of "
        "`admission/` were not installed."
    ),
    Reason.EXTENSION_REFUSED: (
        "`spec.extends` names a grant that this one can not continue: none, another "
        "subject's, role's or instance's, or one that had ended already."
    ),
    Reason.ACCESS_POLICY_INVALID: (
        "An AccessPolicy can not be understood, which only an older CRD, or none, lets "
        "pass. It may forbid what another allows: what is bound stays until its end, "
        "and nothing is added."
    ),
    Reason.ACCESS_POLICIES_UNKNOWN: (
        "The AccessPolicies or AccessApprovals can not be read at the moment; the "
        "ArgoCDInstance says why. What is bound stays until its end; nothing is added."
    ),
    Reason.BOUND: (
        "Argo CD's RBAC text holds the binding; the API server acknowledged the write. "
        "Argo CD allows what the role allows."
    ),
    Reason.BINDING: (
        "The grant is in force and its binding is being written. It takes about a "
        "second, since several grants share a write. If it stays, the ArgoCDInstance "
        "says why."
    ),
    Reason.SCHEDULED: "The grant begins later, at `spec.notBefore`.",
    Reason.EXPIRED: (
        "The end of the grant has come, and nothing of it is left in Argo CD's RBAC "
        "text; it never gives access again. For more time create a new grant."
    ),
    Reason.REVOKED: (
        "Somebody set `spec.revoked`, and nothing of the grant is left in Argo CD's "
        "RBAC text; it never gives access again."
    ),
    Reason.DELETED: (
        "The grant is being deleted, and nothing of it is left in Argo CD's RBAC text; "
        "somebody else's finalizer keeps the object. One that waits until its "
        "revocation is certain says what stands in the way instead."
    ),
    Reason.INVALID_GRANT: (
        "The object can not be understood, which only an older CRD, or none, lets "
        "pass; the message says why. Apply the CRDs of this version and create the "
        "grant anew."
    ),
    Reason.SUBJECT_REFUSED: (
        "The subject must not be bound: its text could mislead, or Argo CD uses it as "
        "a role, so that binding it would raise other people's rights."
    ),
    Reason.ROLE_REFUSED: (
        "The role's name must not be written into Argo CD's RBAC text: it holds "
        "something that a reader can not see, or is no name of a role. The message "
        "says what to write."
    ),
    Reason.ROLE_NOT_FOUND: (
        "Argo CD defines no such role; the grant is bound as soon as it appears. The "
        "message names roles that are spelled nearly so."
    ),
    Reason.PROJECT_INVALID: (
        "Argo CD ignores every role of this AppProject, since one of its lines can not "
        "be read; the grant is bound as soon as the project is mended."
    ),
    Reason.ABSOLUTE_END_REQUIRED: (
        "A grant that Argo CD applies from Git must have `spec.expiresAt`: with a "
        "duration it would begin anew whenever Git re-creates it."
    ),
    Reason.INSTANCE_NOT_FOUND: (
        "`spec.instance` names no ArgoCDInstance of this namespace, or one that is "
        "being deleted. The grant waits for one of that name."
    ),
    Reason.INSTANCE_UNAVAILABLE: (
        "Argo CD's configuration can not be read at the moment; the ArgoCDInstance "
        "says why. What is bound stays bound until its end; nothing is added. An end "
        "or a revocation that could not be written says this until it is."
    ),
    Reason.CONFIG_MAP_MISSING: (
        "`argocd-rbac-cm` is not there. It is never created by argogrant. Argo CD "
        "keeps its last rules in memory, so nothing can be granted or revoked: deleted "
        "grants are held, and ended ones that were bound say this, too. Restore the "
        "ConfigMap, or restart argocd-server to drop those rules."
    ),
    Reason.RBAC_TEXT_INVALID: (
        "Somebody else's line in `argocd-rbac-cm` can not be read, and Argo CD refuses "
        "everybody until it is mended; nothing is added meanwhile. Grants that run "
        "still end."
    ),
    Reason.RBAC_TEXT_FULL: (
        "`argocd-rbac-cm` has no room for another binding; the oldest grants were "
        "first. Revocations always go through. The others are bound as soon as grants "
        "end or somebody shortens the other keys."
    ),
    Reason.CONTESTED: (
        "Another program keeps changing `policy.argogrant.csv`. It is put back more "
        "and more slowly; what takes access away is not put off. The message names the "
        "field manager that did it."
    ),
    Reason.UNDISTURBED: "Nobody else changes `policy.argogrant.csv`.",
    Reason.CLOCK_SKEWED: (
        "The operator's clock differs from the API server's by two seconds or more. "
        "One that is behind is corrected; one that is ahead ends grants too early. "
        "Synchronise the clock of the operator's node."
    ),
    Reason.IN_SYNC: "The operator's clock agrees with the API server's.",
    Reason.OVERLAY_OWNED_BY_ANOTHER: (
        "Another ArgoCDInstance writes `policy.argogrant.csv` of this Argo CD; two "
        "writers would undo each other, so this one writes nothing. Delete one of the "
        "two; if that one is gone already, remove the key."
    ),
    Reason.CONVERGED: "What Argo CD has equals what is in force.",
    Reason.FORBIDDEN: (
        "The operator's own permissions are missing. The API server was asked about "
        "each of them: the message names all that are missing and the Roles to give. "
        "Where nobody tells, it names the request that was refused."
    ),
    Reason.UNAVAILABLE: (
        "The API server did not answer as it should; it is tried again, after at most "
        "five seconds each time."
    ),
    Reason.CERTIFICATE_REFUSED: (
        "The certificate of the other cluster's API server can not be verified, so "
        "that nothing is sent to it. The message says what is wrong with it; the "
        "authority that signed it belongs into `spec.cluster.caBundle`."
    ),
    Reason.TOKEN_MISSING: (
        "There is no token for the other cluster: the Secret of "
        "`spec.cluster.tokenSecret` is not there, lacks the key, or holds nothing "
        "under it. The message says how to create it."
    ),
    Reason.TOKEN_REFUSED: (
        "The other cluster does not accept the token: it has expired or was revoked. "
        "The message says how to make a new one and where to put it; it is used at "
        "once."
    ),
    Reason.LEFT_BEHIND: (
        "The ArgoCDInstance was moved (`spec.namespace` or `spec.cluster`), and what "
        "was bound in the former place could not be removed yet; Argo CD there may "
        "still obey it. The message says what stands in the way. Grants are bound in "
        "the new place all the same; those that were deleted are held, and those that "
        "ended say this, until the former place is clean or forgotten."
    ),
    Reason.INVALID_INSTANCE: (
        "The ArgoCDInstance can not be understood, which only an older CRD, or none, "
        "lets pass; the message says why. What is bound stays until its end; nothing "
        "is added."
    ),
    Reason.VALID: "Argo CD can read every line of its RBAC text.",
    Reason.MALFORMED_LINE: (
        "A line that argogrant did not write can not be read; the message names its "
        "key, its number and what is wrong with it."
    ),
    Reason.UNKNOWN: (
        "The RBAC text could not be looked at: `argocd-rbac-cm` is missing, or can not "
        "be read. `Ready` says which."
    ),
    Reason.VERIFIED: (
        "The API server checks who asks and who approves, by the admission policies of "
        "`admission/`."
    ),
    Reason.ADMISSION_POLICY_MISSING: (
        "An admission policy that checks who asks and who approves is not installed or "
        "can not be read, so that AccessPolicies admit nobody. The message names it."
    ),
    Reason.ADMISSION_POLICY_CHANGED: (
        "An admission policy that checks who asks and who approves is not as it was "
        "shipped, so that AccessPolicies admit nobody. The message says what differs."
    ),
    Reason.ACCEPTED_UNVERIFIED: (
        "The operator was told to believe what objects say about who made them "
        "(`--accept-unverified-requesters`): whoever may create them can pretend to be "
        "anybody."
    ),
    Reason.COUNTS: "The approval, or the refusal, counts.",
    Reason.NOT_ENTITLED: (
        "No AccessPolicy that could admit the grant names this approver; the message "
        "says who may."
    ),
    Reason.SELF_APPROVAL: (
        "The approver asked for the grant, or would receive the access; somebody else "
        "has to agree."
    ),
    Reason.GRANT_NOT_FOUND: (
        "There is no grant of that name in the approval's namespace."
    ),
    Reason.ANOTHER_GRANT: (
        "The grant of that name is another one than was approved: it was deleted and "
        "created anew, and its uid differs."
    ),
    Reason.TOO_LATE: "The approval was given after the time for it was over.",
    Reason.APPROVER_UNVERIFIED: (
        "Nobody vouches for who made this approval: it names no approver, or was "
        "created while the admission policies of `admission/` were not installed."
    ),
    Reason.COUNTED_ALREADY: "This person has approved the grant already; one counts.",
    Reason.NOT_NEEDED: (
        "The grant asks for nobody's approval, or has ended, so that the approval "
        "changes nothing."
    ),
    Reason.INVALID_APPROVAL: (
        "The object can not be understood, which only an older CRD, or none, lets "
        "pass; the message says why."
    ),
    Reason.IN_USE: "The policy is obeyed.",
    Reason.INVALID_POLICY: (
        "The policy can not be understood, which only an older CRD, or none, lets "
        "pass. While there is such a policy nothing is added."
    ),
    Reason.MATCHABLE: (
        "Argo CD compares the subject with a claim of people's tokens; the message "
        "says with which. Whether somebody's token holds it, only the identity "
        "provider knows."
    ),
    Reason.LOCAL_ACCOUNT: "The subject is a local account of Argo CD.",
    Reason.SCOPES_INVALID: (
        "`scopes` of `argocd-rbac-cm` is no YAML list. Argo CD takes in no change of "
        "that ConfigMap until it is, neither a grant nor its end."
    ),
    Reason.GIVEN_TO_EVERYBODY: (
        "`policy.default` of `argocd-rbac-cm` gives the role to everybody who is "
        "signed in; neither the grant nor its end changes anything."
    ),
    Reason.ACCOUNT_DISABLED: (
        "The subject is a local account that is disabled, or has neither of the "
        "capabilities `login` and `apiKey`."
    ),
    Reason.EMAIL_NOT_IN_SCOPES: (
        "The subject is an e-mail address, and `scopes` of `argocd-rbac-cm` names no "
        "claim that holds one. The message says what to write."
    ),
    Reason.GROUPS_NOT_IN_SCOPES: (
        "The subject is a group, and `scopes` of `argocd-rbac-cm` names no claim that "
        "holds groups. The message says what to write."
    ),
    Reason.NO_SINGLE_SIGN_ON: (
        "The subject is a group, and only an identity provider knows groups: "
        "`argocd-cm` configures none."
    ),
    Reason.NO_SUCH_ACCOUNT: (
        "Nobody can sign in under this name: `argocd-cm` has no such local account and "
        "configures no identity provider."
    ),
    Reason.FRESH: "The token for the other cluster does not end soon.",
    Reason.TOKEN_ENDING: (
        "The token for the other cluster ends soon, or has ended, and nobody renews "
        "it: less than a fifth of its life is left, and less than a week. Write a new "
        "one into the Secret, or set `spec.cluster.tokenRotation`."
    ),
    Reason.ROTATION_FAILED: (
        "A new token for the other cluster was due, and could not be requested, did "
        "not work, or could not be stored; the message says why. The present one stays "
        "until its end, and it is tried again, after at most five minutes each time."
    ),
}
"""When each reason is used, as the reference documentation prints it."""
