{{/* What each ServiceAccount may do. */}}

{{- define "argogrant.ownRules" }}
- apiGroups: [argogrant.dev]
  resources: [accessgrants, argocdinstances]
  verbs: [get, list, watch, patch]
- apiGroups: [argogrant.dev] # read, never changed
  resources: [accesspolicies, accessapprovals]
  verbs: [get, list, watch]
- apiGroups: [argogrant.dev] # of ended grants, once spec.retention has passed
  resources: [accessgrants, accessapprovals]
  verbs: [delete]
- apiGroups: [argogrant.dev]
  resources:
    - accessgrants/status
    - argocdinstances/status
    - accesspolicies/status
    - accessapprovals/status
  verbs: [patch]
{{- if not .isFurther }}
- apiGroups: [coordination.k8s.io] # one replica leads
  resources: [leases]
  resourceNames: [argogrant]
  verbs: [get, patch]
- apiGroups: [coordination.k8s.io] # a name can not be demanded of what is created
  resources: [leases]
  verbs: [create]
{{- end }}
- apiGroups: [""] # what kubectl describe shows people; best effort
  resources: [events]
  verbs: [create]
{{- with .secrets }}
- apiGroups: [""] # tokens for other clusters, by name; patch renews them
  resources: [secrets]
  resourceNames: {{- toYaml (uniq .) | nindent 4 }}
  verbs: [get, list, watch, patch]
{{- end }}
{{- end }}

{{- define "argogrant.bindsInProjects" }}
{{- if eq (default "" .Values.instance.spec.bindProjectRolesIn) "AppProject" }}true{{ end }}
{{- end }}

{{- define "argogrant.argocdRules" }}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [argocd-rbac-cm]
  verbs: [get, list, watch, update, patch]
- apiGroups: [""] # may be left out; see manifests/argocd-namespace.yaml
  resources: [configmaps]
  resourceNames: [argocd-cm]
  verbs: [get, list, watch]
- apiGroups: [argoproj.io]
  resources: [appprojects]
  verbs: [get, list, watch]
{{- if include "argogrant.bindsInProjects" . }}
- apiGroups: [argoproj.io]
  resources: [appprojects]
  verbs: [get, patch]
{{- end }}
{{- end }}

{{- define "argogrant.sweepRules" }}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [argocd-rbac-cm]
  verbs: [get, patch]
{{- if include "argogrant.bindsInProjects" . }}
- apiGroups: [argoproj.io]
  resources: [appprojects]
  verbs: [get, list, patch]
{{- end }}
{{- end }}

{{- define "argogrant.uninstallRules" }}
- apiGroups: [argogrant.dev]
  resources: [argocdinstances]
  verbs: [get, list, patch, delete]
- apiGroups: [argogrant.dev]
  resources: [accessgrants]
  verbs: [get, list, patch]
- apiGroups: [apps] # so that the operator puts nothing back
  resources: [deployments]
  resourceNames: [{{ .deployment }}]
  verbs: [get, patch]
{{- end }}

{{- define "argogrant.allowRules" }}
- apiGroups: [""] # its annotation, which only this hook writes
  resources: [configmaps]
  resourceNames: [argocd-rbac-cm]
  verbs: [get, patch]
{{- end }}
