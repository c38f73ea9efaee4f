"""Errors that administrators of argogrant see."""

from typing import Final

from trouble import Group, Trouble

INSTANCES: Final = Group(
    title="The instance is not ready, or warns",
    where=(
        "`kubectl describe argocdinstances` shows the conditions, and"
        " [`argogrant doctor`](../how-to/doctor.md) checks everything at once."
    ),
    troubles=(
        Trouble(
            name="a_missing_right",
            title="The operator lacks a permission in Argo CD's namespace",
            message=(
                "Forbidden: The operator's service account may not get, list, watch,"
                " patch configmaps/argocd-rbac-cm in namespace argocd; get, list,"
                " watch appprojects in namespace argocd. Give it the Role argogrant of"
                " Argo CD's namespace (manifests/argocd-namespace.yaml)."
            ),
            meaning="The operator cannot grant or revoke without the permission.",
            remedy="`kubectl apply -f manifests/argocd-namespace.yaml`",
        ),
        Trouble(
            name="records_that_can_not_be_deleted",
            title="Ended grants cannot be deleted",
            message=(
                "Forbidden: Grants begin and end on time, but ended grants cannot be"
                " deleted after spec.retention: accessgrants/g1 in namespace argogrant"
                " cannot be deleted: User"
                ' "system:serviceaccount:argogrant:argogrant" cannot delete resource'
                ' "accessgrants" in API group "argogrant.dev" in the namespace'
                ' "argogrant". Give the operator\'s service account the Role argogrant'
                " of its own namespace (manifests/argogrant-namespace.yaml)."
            ),
            meaning="The Role is from a version that did not delete grants.",
            remedy="`kubectl apply -f manifests/argogrant-namespace.yaml`",
        ),
        Trouble(
            name="a_guarded_config_map",
            title="An admission policy guards the ConfigMap",
            message=(
                "WriteRefused: configmaps/argocd-rbac-cm in namespace argocd cannot be"
                " changed: ValidatingAdmissionPolicy 'guard-rbac' with binding"
                " 'guard-rbac' denied request: the platform team changes it in Git. The"
                ' admission policy "guard-rbac" does not permit this change. Ask its'
                " owner to exempt the operator's service account in it"
                " (spec.matchConditions). Until then, trying again cannot succeed."
            ),
            meaning=(
                "A rule of your cluster forbids the write, so grants do not start, and"
                " bindings of ended grants stay. The operator keeps trying, with at"
                " most five seconds between attempts. A webhook (OPA Gatekeeper,"
                " Kyverno) and a quota are reported in the same way."
            ),
            remedy=(
                "Exempt the operator:"
                " `request.userInfo.username !="
                " 'system:serviceaccount:argogrant:argogrant'` as a match condition."
            ),
        ),
        Trouble(
            name="an_immutable_config_map",
            title="The ConfigMap is immutable",
            message=(
                "WriteRefused: configmaps/argocd-rbac-cm in namespace argocd cannot"
                ' be changed: ConfigMap "argocd-rbac-cm" is invalid: data: Forbidden:'
                " field is immutable when `immutable` is set. The object or the field"
                " is immutable. Delete the object and create it again: a ConfigMap"
                " with the same data and without immutable: true. Until then, trying"
                " again cannot succeed."
            ),
            meaning=(
                "Kubernetes never lets `immutable: true` be removed. Grants do not"
                " start, and bindings of ended grants stay."
            ),
            remedy=(
                "Replace it at once, because Argo CD keeps its last policy in memory"
                " while it is missing: `kubectl -n argocd get configmap"
                " argocd-rbac-cm -o json | jq 'del(.immutable, .metadata.uid,"
                " .metadata.resourceVersion)' | kubectl replace --force -f -`"
            ),
        ),
        Trouble(
            name="a_missing_config_map",
            title="The ConfigMap is missing",
            message=(
                "ConfigMapMissing: argocd-rbac-cm is missing, so the operator cannot"
                " add or remove bindings: Argo CD keeps its last rules in memory."
                " Restore the ConfigMap, or restart argocd-server to drop those rules."
            ),
            meaning="argogrant never creates it; that would replace your rules.",
            remedy="Apply it from Git; check that `spec.namespace` is Argo CD's.",
        ),
        Trouble(
            name="a_line_that_can_not_be_read",
            title="A line that Argo CD cannot parse",
            message=(
                "RBACTextInvalid: Argo CD cannot parse policy.csv line 3: a p line must"
                " have 6 fields, not 3. Argo CD denies every request until that line of"
                " argocd-rbac-cm is fixed. Active grants still expire; new grants wait."
            ),
            meaning="An outage of Argo CD for every user, including administrators.",
            remedy="Fix the named line, in Git if it came from there.",
        ),
        Trouble(
            name="a_key_of_another",
            title="Another instance writes the key",
            message=(
                "OverlayOwnedByAnother: policy.argogrant.csv is written by"
                " ArgoCDInstance elsewhere/default (uid"
                " 6a9f3c1e-0000-4000-8000-000000000001); two writers would undo each"
                " other's changes. Delete one of the two instances. If that instance"
                " no longer exists, remove the key."
            ),
            meaning="One Argo CD has one ArgoCDInstance.",
            remedy="Keep one of them, and delete the other.",
        ),
        Trouble(
            name="an_argo_cd_that_names_others",
            title="Argo CD's owner does not allow the namespace",
            message=(
                "NotAllowedByArgoCD: The annotation argogrant.dev/allowed-namespaces of"
                " argocd-rbac-cm in namespace argocd does not name namespace argogrant."
                " This ArgoCDInstance adds no binding, and those that it had added are"
                " removed. Whoever owns that Argo CD can allow it: kubectl -n argocd"
                " annotate configmap argocd-rbac-cm"
                " argogrant.dev/allowed-namespaces=team-b,argogrant --overwrite"
            ),
            meaning=(
                "The owner of an Argo CD says which namespaces may bind there. Without"
                " the annotation, only the operator's own namespace may."
            ),
            remedy="[Ask them](../how-to/clusters.md#allow-namespaces) to run it.",
        ),
        Trouble(
            name="a_contested_key",
            title="Another program keeps changing the key",
            message=(
                "Contested: Another program changed policy.argogrant.csv of"
                " argocd-rbac-cm 3 times within 10 minutes. The operator writes it"
                " again, with a longer delay each time. Stop that program from managing"
                " it, as docs/how-to/contested.md shows. metadata.managedFields does"
                " not record which program it is; the audit log of the API server does."
            ),
            meaning=(
                "Granted access may be missing; no access lasts longer. The message"
                " names the program if it changes the key; the API server does not"
                " record who removes it."
            ),
            remedy="[Stop that program](../how-to/contested.md).",
        ),
        Trouble(
            name="a_member_that_returned",
            title="A member came back after its grant",
            message=(
                'MemberReturned: "alice" came back to role "deployer" of AppProject'
                ' "team-a" again, without a grant and without an end, after it had been'
                " removed 2 times. It is kept, since it may be a decision. Remove it"
                " from the AppProject, or acknowledge it: argogrant review"
                " --acknowledge <id>"
            ),
            meaning=(
                "Another program wrote back twice what it had read during the grant,"
                " such as an editor that was open. The first time the operator removed"
                " it again."
            ),
            remedy=(
                "`argogrant review` lists such members."
                " [Remove or acknowledge them]"
                "(../how-to/appproject-mode.md#members-that-return)."
            ),
        ),
        Trouble(
            name="missing_admission_policies",
            title="The admission policies are missing",
            message=(
                "AdmissionPolicyMissing: The API server does not verify requesters and"
                " approvers. Missing: ValidatingAdmissionPolicy argogrant-requester,"
                " ValidatingAdmissionPolicyBinding argogrant-requester,"
                " ValidatingAdmissionPolicy argogrant-approver,"
                " ValidatingAdmissionPolicyBinding argogrant-approver. Apply"
                " admission/argogrant-validating.yaml (Kubernetes 1.30 or newer;"
                " docs/how-to/verified-identity.md)."
            ),
            meaning="It matters only with AccessPolicies: none of them matches.",
            remedy="`kubectl apply -f admission/argogrant-validating.yaml`",
        ),
        Trouble(
            name="a_changed_admission_policy",
            title="An admission policy was modified",
            message=(
                "AdmissionPolicyChanged: The API server may not verify requesters and"
                " approvers. ValidatingAdmissionPolicyBinding argogrant-requester"
                ' differs from the shipped one: spec.validationActions is ["Audit"],'
                ' not ["Deny"]. Apply admission/argogrant-validating.yaml again'
                " (docs/how-to/verified-identity.md)."
            ),
            meaning="It may accept a forged name; therefore it counts as missing.",
            remedy="Apply `admission/argogrant-validating.yaml` again.",
        ),
    ),
)

COMMANDS: Final = Group(
    title="A command of argogrant fails",
    where="On standard error; the exit status is 1.",
    troubles=(
        Trouble(
            name="a_namespace_without_an_instance",
            title="No operator serves the namespace",
            message=(
                'argogrant request: ArgoCDInstance "default" does not exist in'
                ' namespace "default". No operator serves that namespace: it has no'
                ' ArgoCDInstance. An ArgoCDInstance is in namespace "argogrant": add'
                " -n argogrant."
            ),
            meaning=(
                "Nothing was created. Without `-n`, the namespace is that of the"
                " kubeconfig context, and the message says so."
            ),
            remedy="Add `-n` with the namespace of the ArgoCDInstance.",
        ),
        Trouble(
            name="a_sweep_without_config_map",
            title="A sweep finds no ConfigMap",
            message=(
                "sweep of argocd/argocd-rbac-cm: the ConfigMap does not exist, so Argo"
                " CD keeps its last policy in memory. Restore the ConfigMap, or restart"
                " argocd-server to drop the policy."
            ),
            meaning="The namespace is wrong, or the ConfigMap was deleted.",
            remedy="Set `--argocd-namespace` to Argo CD's namespace.",
        ),
        Trouble(
            name="a_sweep_that_is_forbidden",
            title="A sweep lacks its permission",
            message=(
                "sweep of argocd/argocd-rbac-cm: configmaps/argocd-rbac-cm in namespace"
                " argocd cannot be read: User"
                ' "system:serviceaccount:argogrant:nobody" cannot get resource'
                ' "configmaps" in API group "" in the namespace "argocd". Nothing was'
                " removed."
            ),
            meaning="It needs `get` and `patch` on that one ConfigMap.",
            remedy="`kubectl apply -f manifests/sweep-cronjob.yaml`",
        ),
        Trouble(
            name="access_that_remains",
            title="An uninstallation finds access that remains",
            message=(
                'gitops/argocd-rbac-cm still gives access: "dana@example.com" has'
                ' "role:deployer" until 2099-01-01T00:00:00Z, by ArgoCDInstance'
                " argogrant/gone (uid 0d5a1710-b5a0-4086-aceb-7f10895f63ff). Unless an"
                " operator in another cluster manages it, remove it, then run this"
                " command again: argogrant sweep --all --argocd-namespace gitops"
            ),
            meaning=(
                "No ArgoCDInstance manages these bindings: it was removed by force, or"
                " while no operator ran."
            ),
            remedy=(
                "The command of the message; see [Uninstall"
                " argogrant](../how-to/uninstall.md#it-was-removed-by-force)."
            ),
        ),
        Trouble(
            name="a_quota_that_is_used_up",
            title="A quota does not permit another grant",
            message=(
                "argogrant request: exceeded quota: grants, requested:"
                " count/accessgrants.argogrant.dev=1, used:"
                " count/accessgrants.argogrant.dev=0, limited:"
                ' count/accessgrants.argogrant.dev=0. The ResourceQuota "grants" of'
                " the namespace does not permit more. Raise it, or delete objects."
                " Until then, trying again cannot succeed."
            ),
            meaning="The namespace has as many grants as its ResourceQuota permits.",
            remedy="Delete ended grants, or raise `count/accessgrants.argogrant.dev`.",
        ),
        Trouble(
            name="a_login_that_has_expired",
            title="The login has expired",
            message=(
                "argogrant list: accessgrants in namespace argogrant cannot be read:"
                " the API server does not accept the credentials. The credential has"
                " expired or was revoked. Log in again; kubectl auth whoami shows"
                " whether it is accepted."
            ),
            meaning="The API server does not know who you are. No Role is missing.",
            remedy="Log in as you do for kubectl; `kubectl auth whoami` must work.",
        ),
        Trouble(
            name="no_api_server",
            title="No cluster is configured",
            message=(
                "sweep of argocd/argocd-rbac-cm: no API server is configured:"
                " KUBECONFIG=/no/such/file names no context, and this is no pod with a"
                " service account. Set KUBECONFIG, or use --kubeconfig."
            ),
            meaning="It runs outside a pod, and the kubeconfig is missing or empty.",
            remedy="Set `KUBECONFIG`, or run it as the CronJob does.",
        ),
    ),
)

CLUSTERS: Final = Group(
    title="The operator cannot reach an Argo CD in another cluster",
    where="`kubectl describe argocdinstances` shows the conditions.",
    troubles=(
        Trouble(
            name="a_missing_token",
            title="There is no token for the other cluster",
            message=(
                "TokenMissing: Secret argogrant/argocd-prod does not exist. Create it:"
                " `kubectl --namespace argogrant create secret generic argocd-prod"
                " --from-literal=k8s_token=TOKEN`, with TOKEN from `kubectl create"
                " token argogrant --namespace argocd --duration 24h` in that cluster."
            ),
            meaning="The Secret is missing, or its key is, or it is empty.",
            remedy="Run the two commands of the message.",
        ),
        Trouble(
            name="a_token_that_is_refused",
            title="The other cluster rejects the token",
            message=(
                "TokenRefused: <server>: configmaps/argocd-rbac-cm in namespace"
                " argocd cannot be read: the API server does not accept the"
                " credentials. The token in key k8s_token of Secret"
                " argogrant/argocd-prod has expired, was revoked, or belongs to"
                " another cluster. Replace it: `kubectl --namespace argogrant create"
                " secret generic argocd-prod --from-literal=k8s_token=TOKEN"
                " --dry-run=client -o yaml | kubectl apply -f -`, with TOKEN from"
                " `kubectl create token argogrant --namespace argocd --duration 24h`"
                " in that cluster."
            ),
            meaning="It has expired, was revoked, or belongs to another cluster.",
            remedy=(
                "Write a new one into the Secret; the operator uses it immediately. Or"
                " [enable rotation](../how-to/token-rotation.md)."
            ),
        ),
        Trouble(
            name="a_certificate_that_is_not_trusted",
            title="The other cluster's certificate is not trusted",
            message=(
                "CertificateRefused: <server>: configmaps/argocd-rbac-cm in namespace"
                " argocd cannot be read: the certificate of <server> was issued by an"
                " authority that is not trusted. Write the certificate authority of"
                " that cluster into spec.cluster.caBundle. If the certificate has"
                " expired, or is issued for other names than the one in"
                " spec.cluster.server, replace it in that cluster."
            ),
            meaning="The operator always verifies it before it sends the token.",
            remedy="Set `spec.cluster.caBundle` to that cluster's authority.",
        ),
    ),
)
