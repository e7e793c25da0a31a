{{/*
Fills in what was not given: with `helm upgrade --reuse-values` the values are those of an earlier chart, which knew fewer, and null
takes one back to its default. Every template begins with it.
*/}}
{{- define "promptops.defaults" -}}
{{- include "promptops.fill" (dict "into" .Values "from" (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end }}

{{/*
Takes a dictionary: into, from. What Kubernetes defines is not looked into: resources and labels can be taken away.
*/}}
{{- define "promptops.fill" -}}
{{- range $name, $default := .from -}}
{{- $given := get $.into $name -}}
{{- if or (not (hasKey $.into $name)) (kindIs "invalid" $given) -}}
{{- if not (has $name (list "resources" "labels")) -}}{{- $_ := set $.into $name $default -}}{{- end -}}
{{- else if and (kindIs "map" $default) (kindIs "map" $given) (not (has $name (list "resources" "labels" "podSecurityContext" "securityContext"))) -}}
{{- include "promptops.fill" (dict "into" $given "from" $default) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
What the label app.kubernetes.io/name says.
*/}}
{{- define "promptops.name" -}}
{{- .Values.nameOverride | default "promptops" }}
{{- end }}

{{/*
Name of every object. It does not depend on the release: PromptOps is installed once per cluster, and its Lease and Secret have fixed names as well.
*/}}
{{- define "promptops.fullname" -}}
{{- .Values.fullnameOverride | default (include "promptops.name" .) }}
{{- end }}

{{/*
What the operator's pods are found by. Immutable in a Deployment: never add to it.
*/}}
{{- define "promptops.selectorLabels" -}}
app.kubernetes.io/name: {{ include "promptops.name" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/*
Labels of every object. On an object of which Helm takes no note, such as manifests/install.yaml, the last one is left out.
*/}}
{{- define "promptops.labels" -}}
app.kubernetes.io/name: {{ include "promptops.name" . }}
app.kubernetes.io/part-of: promptops
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/*
Labels of every object together with a user's. Takes a dictionary: labels, context. A key that both have is the user's, and stands there once.
*/}}
{{- define "promptops.labelsWith" -}}
{{- toYaml (merge (dict) (.labels | default dict) (fromYaml (include "promptops.labels" .context))) }}
{{- end }}

{{/*
The pod's security context. OpenShift gives each namespace its own range of users and groups, and refuses others.
*/}}
{{- define "promptops.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- toYaml $context }}
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
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
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

{{/*
What the webhook's pods are found by. Immutable in a Deployment: never add to it.
*/}}
{{- define "promptops.webhookSelectorLabels" -}}
app.kubernetes.io/name: {{ include "promptops.name" . }}
app.kubernetes.io/component: webhook
{{- end }}

{{/*
The sidecar's image: by digest when there is one, from the operator's registry unless it has its own.
*/}}
{{- define "promptops.sidecarImage" -}}
{{- $image := .Values.injection.image -}}
{{- with $image.registry | default .Values.image.registry }}{{ . }}/{{ end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/*
What every sidecar is made with, all of it text.
*/}}
{{- define "promptops.injectionParameters" -}}
image: {{ include "promptops.sidecarImage" . | quote }}
imagePullPolicy: {{ .Values.injection.image.pullPolicy | quote }}
feedUrl: {{ printf "https://promptops-feed.%s.svc:8282" .Release.Namespace | quote }}
cpuRequest: {{ .Values.injection.cpuRequest | quote }}
cpuLimit: {{ .Values.injection.cpuLimit | default "" | quote }}
memoryRequest: {{ .Values.injection.memoryRequest | quote }}
memoryLimit: {{ .Values.injection.memoryLimit | quote }}
snapshotSize: {{ .Values.injection.snapshotSize | quote }}
collectorUrl: {{ .Values.injection.collectorUrl | default "" | quote }}
redisUrl: {{ .Values.redis.url | default "" | quote }}
redisUsername: {{ .Values.redis.sidecar.username | default "" | quote }}
redisSecret: {{ .Values.redis.sidecar.secretName | default "" | quote }}
redisAuthority: {{ .Values.redis.ownAuthority | ternary "true" "" | quote }}
redisWrites: {{ .Values.redis.sidecar.writes | ternary "true" "" | quote }}
{{- end }}
