{{/*
Stop with a clear word when another release runs PromptOps in this cluster. CRDs that a removed release left behind do not count.
*/}}
{{- define "promptops.once" -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items -}}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/part-of" "" .) "promptops" -}}
{{- include "promptops.sameRelease" (dict "role" . "release" $.Release) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Takes a dictionary: role, release.
*/}}
{{- define "promptops.sameRelease" -}}
{{- $notes := dig "metadata" "annotations" dict .role -}}
{{- $name := get $notes "meta.helm.sh/release-name" -}}
{{- $namespace := get $notes "meta.helm.sh/release-namespace" -}}
{{- if and $name (or (ne $name .release.Name) (ne $namespace .release.Namespace)) -}}
{{- fail (printf "\n\nPromptOps is installed once per cluster, and this cluster has it already: release %q in namespace %q.\nChange that one: helm upgrade %s CHART --namespace %s\nOr remove it first (your prompts stay): helm uninstall %s --namespace %s\n" $name $namespace $name $namespace $name $namespace) -}}
{{- end }}
{{- end }}

{{/*
What the schema cannot say in words: values that contradict each other or the chart.
*/}}
{{- define "promptops.checks" -}}
{{- if eq (get .Values "enabled" | toString) "false" -}}
{{- fail "\n\nenabled is read by a chart that depends on this one, as in `condition: promptops.enabled`. To take PromptOps away: helm uninstall\n" -}}
{{- end -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- fail "\n\nserviceAccount.create is false: say in serviceAccount.name which account to use\n" -}}
{{- end -}}
{{- if and (eq .Values.injection.mode "webhook") (not .Values.admission.enabled) -}}
{{- fail "\n\ninjection.mode is webhook and admission.enabled is false: nobody would inject. Use injection.mode policy (Kubernetes 1.36 or newer) or none\n" -}}
{{- end -}}
{{- if and (eq .Values.injection.mode "policy") (not (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version)) -}}
{{- fail (printf "\n\ninjection.mode policy needs Kubernetes 1.36 or newer, and this is %s: use webhook\n" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- range $label, $_ := .Values.podLabels -}}
{{- if has $label (list "app.kubernetes.io/name" "app.kubernetes.io/component" "app.kubernetes.io/part-of" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "promptops.io/feed") -}}
{{- fail (printf "\n\npodLabels: %s is the chart's own label and cannot be replaced\n" $label) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "PROMPTOPS_NAMESPACE" "PROMPTOPS_TENANCY_MODE" "PROMPTOPS_FEED_ADDRESS" "PROMPTOPS_POD_IP" "PROMPTOPS_TOKEN_FILE" "PROMPTOPS_RELAYS" "PROMPTOPS_KEY_SECONDS" "PROMPTOPS_AUTHORITY_SECONDS" "PROMPTOPS_CERTIFICATE_SECONDS" "PROMPTOPS_OPERATIONS_ADDRESS" "PROMPTOPS_WEBHOOK" "PROMPTOPS_LOG_LEVEL" "PROMPTOPS_LOG_FORMAT") -}}
{{- fail (printf "\n\nextraEnv: %s is set by the chart itself\n" .name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- if has (get . "name") (list "tmp" "feed-token") -}}
{{- fail (printf "\n\nextraVolumes: %s is a volume of the chart's own\n" .name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- if has (get . "mountPath" | default "" | clean) (list "/tmp" "/var/run/secrets/promptops.io/feed") -}}
{{- fail (printf "\n\nextraVolumeMounts: the chart itself mounts something at %s\n" .mountPath) -}}
{{- end -}}
{{- end -}}
{{- end }}
