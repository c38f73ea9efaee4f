{{- define "argogrant.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "argogrant.selector" -}}
app.kubernetes.io/name: argogrant
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "argogrant.labels" -}}
{{ include "argogrant.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "argogrant.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "argogrant.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "argogrant.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Fail if an upgrade would end all access of an open ArgoCDInstance. */}}
{{- define "argogrant.refuseToClose" -}}
{{- if and .Release.IsUpgrade .Values.instance.spec.requireAccessPolicy }}
{{- $api := "argogrant.dev/v1alpha1" }}
{{- $name := .Values.instance.name }}
{{- $namespace := .Release.Namespace }}
{{- $found := lookup $api "ArgoCDInstance" $namespace $name }}
{{- if and $found (not (dig "spec" "requireAccessPolicy" false $found)) }}
{{- $decided := false }}
{{- range (lookup $api "AccessPolicy" $namespace "").items }}
{{- $instances := default list .spec.instances }}
{{- if or (empty $instances) (has $name $instances) }}{{ $decided = true }}{{ end }}
{{- end }}
{{- if not $decided }}
{{- fail (printf "\n\nNo AccessPolicy applies to ArgoCDInstance %s/%s, so it grants every request. This upgrade would set requireAccessPolicy: true and end all its access. Create AccessPolicies first, or set instance.spec.requireAccessPolicy=false to keep it open." $namespace $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Annotations of what stays when the release is deleted. Both know "keep", but Argo CD only
when an Application is deleted: it would prune a kind, and every grant with it, as soon as
`crds.enabled` is false.
*/}}
{{- define "argogrant.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false
{{- end }}

{{/*
Fail if a cluster-wide object belongs to another release: the release and the object.
Helm itself would refuse it, without a remedy.
*/}}
{{- define "argogrant.refuseOtherOwner" -}}
{{- $root := index . 0 }}
{{- $body := index . 1 }}
{{- $found := lookup $body.apiVersion $body.kind "" $body.metadata.name }}
{{- if $found }}
{{- $annotations := default dict $found.metadata.annotations }}
{{- $labels := default dict $found.metadata.labels }}
{{- $name := default "" (get $annotations "meta.helm.sh/release-name") }}
{{- $namespace := default "" (get $annotations "meta.helm.sh/release-namespace") }}
{{- $isOurs := and (eq $name $root.Release.Name) (eq $namespace $root.Release.Namespace) (eq "Helm" (default "" (get $labels "app.kubernetes.io/managed-by"))) }}
{{- if not $isOurs }}
{{- $owner := "does not belong to a Helm release" }}
{{- if $name }}{{ $owner = printf "belongs to release %s in namespace %s" $name $namespace }}{{ end }}
{{- $files := "-f charts/argogrant/files/crds -f charts/argogrant/files/admission" }}
{{- fail (printf "\n\n%s %s %s. The kinds and the admission policies are cluster-wide: one release installs them, and all releases use them.\nIf their owner still exists, leave them to it:\n  --set crds.enabled=false,admission.identity=never,admission.fillIn=never,admission.limits=never\nIf it was uninstalled, take them over, which ends no access, and run this command again:\n  kubectl annotate --overwrite %s meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s\n  kubectl label --overwrite %s app.kubernetes.io/managed-by=Helm" $body.kind $body.metadata.name $owner $files $root.Release.Name $root.Release.Namespace $files) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Not empty if Argo CD runs in this cluster. */}}
{{- define "argogrant.isLocal" -}}
{{- if not .Values.instance.cluster.server }}true{{ end }}
{{- end }}

{{/*
A ServiceAccount: root, name, namespace, annotations. Pods that need its token mount it.
*/}}
{{- define "argogrant.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "argogrant.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/*
A Role and its RoleBinding: root, name, namespace, account, accountNamespace, rules,
annotations.
*/}}
{{- define "argogrant.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "argogrant.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules: {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "argogrant.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .accountNamespace }}
{{- end }}
