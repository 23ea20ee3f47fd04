{{- define "llm-gateway.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "llm-gateway.fullname" -}}
{{- $name := include "llm-gateway.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "llm-gateway.valkeyName" -}}
{{ .Values.valkey.name | default (printf "%s-valkey" (include "llm-gateway.fullname" .)) }}
{{- end }}

{{- define "llm-gateway.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled -}}
{{ ternary "https" "http" (ne .Values.ingress.tlsSecret "") }}://{{ .Values.ingress.host }}
{{- end -}}
{{- end }}

{{- define "llm-gateway.selector" -}}
app.kubernetes.io/name: {{ include "llm-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "llm-gateway.valkeySelector" -}}
app.kubernetes.io/name: {{ include "llm-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: valkey
{{- end }}

{{- /* Called with a dict of the root context and the component. */ -}}
{{- define "llm-gateway.meta" -}}
namespace: {{ .root.Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ include "llm-gateway.name" .root }}
  app.kubernetes.io/instance: {{ .root.Release.Name }}
  app.kubernetes.io/component: {{ .component }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "llm-gateway.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "llm-gateway.fullname" .) }}
{{- end }}

{{- define "llm-gateway.configMap" -}}
{{ .Values.existingConfigMap | default (include "llm-gateway.fullname" .) }}
{{- end }}

{{- define "llm-gateway.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end -}}
{{- end }}

{{- /* Every variable that may come from a secret, and the reference that it would come from. */ -}}
{{- define "llm-gateway.secrets" -}}
INTERNAL_LLM_API_KEY: {{ toJson .Values.backends.internal.secret }}
CLAUDE_API_KEY: {{ toJson .Values.backends.claude.secret }}
OPENAI_API_KEY: {{ toJson .Values.backends.openai.secret }}
AXON_API_KEY: {{ toJson .Values.backends.axon.secret }}
STATIC_KEYS: {{ toJson .Values.auth.staticKeys }}
{{- if eq .Values.auth.provider "keycloak" }}
KEYCLOAK_CLIENT_SECRET: {{ toJson .Values.auth.keycloak.clientSecret }}
{{- end }}
{{- if not .Values.valkey.enabled }}
QUOTA_REDIS_URL: {{ toJson .Values.quotaStore.secret }}
{{- end }}
{{- end }}

{{- define "llm-gateway.secretEnv" -}}
{{- $root := . }}
{{- range $variable, $secret := include "llm-gateway.secrets" . | fromYaml }}
{{- if $secret.name }}
{{- if eq $root.Values.secretsAs "files" }}
- name: {{ $variable }}_FILE
  value: /run/secrets/llm-gateway/{{ $variable }}
{{- else }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the volume of secrets is made of; empty where there are none. */ -}}
{{- define "llm-gateway.secretSources" -}}
{{- if eq .Values.secretsAs "files" }}
{{- range $variable, $secret := include "llm-gateway.secrets" . | fromYaml }}
{{- if $secret.name }}
- secret:
    name: {{ $secret.name }}
    items: [{ key: {{ $secret.key }}, path: {{ $variable }} }]
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "llm-gateway.plainEnv" -}}
{{- if .value }}
- name: {{ .variable }}
  value: {{ .value | quote }}
{{- end }}
{{- end }}

{{- define "llm-gateway.env" -}}
{{- with .Values.backends -}}
{{- include "llm-gateway.plainEnv" (dict "variable" "INTERNAL_LLM_URL" "value" .internal.url) }}
{{- include "llm-gateway.plainEnv" (dict "variable" "INTERNAL_LLM_MODEL" "value" .internal.model) }}
{{- include "llm-gateway.plainEnv" (dict "variable" "CLAUDE_BASE_URL" "value" .claude.baseUrl) }}
{{- include "llm-gateway.plainEnv" (dict "variable" "OPENAI_BASE_URL" "value" .openai.baseUrl) }}
{{- include "llm-gateway.plainEnv" (dict "variable" "AXON_URL" "value" .axon.url) }}
{{- end }}
{{- if .Values.valkey.enabled }}
- name: QUOTA_REDIS_URL
  value: {{ printf "redis://%s.%s.svc:6379" (include "llm-gateway.valkeyName" .) .Release.Namespace | quote }}
{{- else }}
{{- include "llm-gateway.plainEnv" (dict "variable" "QUOTA_REDIS_URL" "value" .Values.quotaStore.url) }}
{{- end }}
{{- include "llm-gateway.secretEnv" . }}
- name: AUTH_PROVIDER
  value: {{ .Values.auth.provider | quote }}
{{- if eq .Values.auth.provider "keycloak" }}
- name: KEYCLOAK_URL
  value: {{ required "auth.keycloak.url: the issuer of your realm, for example https://keycloak.example.com/realms/acme" .Values.auth.keycloak.url | quote }}
- name: KEYCLOAK_AUDIENCE
  value: {{ .Values.auth.keycloak.audience | quote }}
{{- end }}
{{- include "llm-gateway.plainEnv" (dict "variable" "PUBLIC_URL" "value" (include "llm-gateway.publicUrl" .)) }}
- name: GATEWAY_CONFIG
  value: /etc/llm-gateway/gateway.yaml
- name: GATEWAY_DATA_DIR
  value: /data
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
