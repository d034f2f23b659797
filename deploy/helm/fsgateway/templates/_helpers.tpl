{{- define "fsgateway.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- define "fsgateway.selector" -}}
app.kubernetes.io/name: fsgateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "fsgateway.labels" -}}
{{ include "fsgateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
