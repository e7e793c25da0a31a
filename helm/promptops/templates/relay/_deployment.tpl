{{/*
The Deployment of relays or gateways, and its PodDisruptionBudget: they differ in what they serve to callers. Takes a dictionary: role, values, context.
*/}}
{{- define "promptops.relayDeployment" -}}
{{- $role := .role -}}
{{- $own := .values -}}
{{- with .context -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: promptops-{{ $role }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "promptops.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $role }}
spec:
  replicas: {{ int64 $own.replicas }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ include "promptops.name" . }}
      app.kubernetes.io/component: {{ $role }}
  template:
    metadata:
      labels:
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- include "promptops.labels" . | nindent 8 }}
        app.kubernetes.io/component: {{ $role }}
        {{- if eq $role "relay" }}
        promptops.io/feed: "true"
        {{- end }}
      annotations:
        {{- toYaml (merge (dict) (.Values.podAnnotations | default dict) (dict "kubectl.kubernetes.io/default-container" $role)) | nindent 8 }}
    spec:
      # It asks the API server whose a caller's token is, and which namespace that is now; it may do nothing else there.
      serviceAccountName: promptops-relay
      automountServiceAccountToken: true
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "promptops.podSecurityContext" . | nindent 8 }}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: {{ include "promptops.name" . }}
              app.kubernetes.io/component: {{ $role }}
      containers:
        - name: {{ $role }}
          image: {{ include "promptops.image" . | quote }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args:
            - {{ $role }}
          env:
            - name: PROMPTOPS_NAMESPACE
              valueFrom:
                fieldRef:
                  apiVersion: v1
                  fieldPath: metadata.namespace
            - name: PROMPTOPS_FEED_URL
              value: {{ printf "https://promptops-origin.%s.svc:8282" .Release.Namespace }}
            - name: PROMPTOPS_TOKEN_FILE
              value: /var/run/secrets/promptops.io/feed/token
            - name: PROMPTOPS_TRUST_FILE
              value: /etc/promptops/trust/trust.json
            - name: PROMPTOPS_CERTIFICATE_DIRECTORY
              value: /etc/promptops/certificate
            - name: PROMPTOPS_ADDRESS
              value: 0.0.0.0:8282
            - name: PROMPTOPS_OPERATIONS_ADDRESS
              value: 0.0.0.0:8080
            - name: PROMPTOPS_LOG_LEVEL
              value: {{ .Values.logLevel }}
            - name: PROMPTOPS_LOG_FORMAT
              value: {{ .Values.logFormat }}
            {{- with .Values.redis }}
            {{- if .url }}
            - name: PROMPTOPS_REDIS_URL
              value: {{ .url | quote }}
            - name: PROMPTOPS_REDIS_KEY_FILE
              value: /etc/promptops/mirror/key
            {{- with .relay.username }}
            - name: PROMPTOPS_REDIS_USERNAME
              value: {{ . | quote }}
            - name: PROMPTOPS_REDIS_PASSWORD_FILE
              value: /etc/promptops/mirror/password
            {{- end }}
            {{- if .ownAuthority }}
            - name: PROMPTOPS_REDIS_AUTHORITY_FILE
              value: /etc/promptops/mirror/ca.crt
            {{- end }}
            {{- end }}
            {{- end }}
          ports:
            - name: {{ eq $role "relay" | ternary "feed" "renders" }}
              containerPort: 8282
              protocol: TCP
            - name: operations
              containerPort: 8080
              protocol: TCP
          livenessProbe:
            httpGet:
              path: /healthz
              port: operations
            initialDelaySeconds: 5
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet:
              path: /readyz
              port: operations
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 3
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          {{- with $own.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            - name: feed-token
              mountPath: /var/run/secrets/promptops.io/feed
              readOnly: true
            - name: certificate
              mountPath: /etc/promptops/certificate
              readOnly: true
            - name: trust
              mountPath: /etc/promptops/trust
              readOnly: true
            {{- if .Values.redis.url }}
            - name: mirror
              mountPath: /etc/promptops/mirror
              readOnly: true
            {{- end }}
      # The pod starts when the operator has written the certificate and what is to be believed.
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
        - name: feed-token
          projected:
            sources:
              - serviceAccountToken:
                  path: token
                  audience: promptops.io/feed
                  expirationSeconds: 3600
        - name: certificate
          secret:
            secretName: promptops-relay
            defaultMode: 288
        - name: trust
          configMap:
            name: promptops-trust
        {{- if .Values.redis.url }}
        - name: mirror
          secret:
            secretName: {{ .Values.redis.relay.secretName }}
            defaultMode: 288
        {{- end }}
{{- if gt (int64 $own.replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: promptops-{{ $role }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "promptops.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $role }}
spec:
  maxUnavailable: 1
  # A pod that is not ready serves nobody: a node that is drained does not wait for it.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ include "promptops.name" . }}
      app.kubernetes.io/component: {{ $role }}
{{- end }}
{{- end }}
{{- end }}
