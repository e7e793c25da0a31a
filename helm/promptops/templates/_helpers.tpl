{{/*
Name of every object. It does not depend on the release: PromptOps is installed once per cluster, and its Lease and Secret have fixed names as well.
*/}}
{{- define "promptops.fullname" -}}
promptops
{{- end }}

{{/*
What the operator's pods are found by. Immutable in a Deployment: never add to it.
*/}}
{{- define "promptops.selectorLabels" -}}
app.kubernetes.io/name: promptops
app.kubernetes.io/component: operator
{{- end }}

{{/*
Labels of every object. On an object of which Helm takes no note, such as manifests/install.yaml, the last one is left out.
*/}}
{{- define "promptops.labels" -}}
app.kubernetes.io/name: promptops
app.kubernetes.io/part-of: promptops
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/*
Name of the operator's ServiceAccount.
*/}}
{{- define "promptops.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "promptops.fullname" .) }}
{{- end }}

{{/*
The operator's image: by digest when there is one.
*/}}
{{- define "promptops.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/*
"yes" when an object of an optional kind is wanted. Takes a dictionary: enabled (auto, true or false), kind, context.
*/}}
{{- define "promptops.wanted" -}}
{{- if eq (toString .enabled) "true" -}}
yes
{{- else if eq (toString .enabled) "auto" -}}
{{- if .context.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) -}}
yes
{{- end }}
{{- end }}
{{- end }}
