#!/usr/bin/env bash
# Writes llm-gateway.yaml, the manifest for those who do not use Helm, from the chart and values.yaml.
#
#   deploy/k8s/generate.sh            writes it
#   deploy/k8s/generate.sh --check    fails when it is not what the chart makes
#
# Needs `helm`, on PATH or named by HELM.
set -euo pipefail
cd "$(dirname "$0")"
helm=${HELM:-helm}
made=$(mktemp)
trap 'rm -f "$made"' EXIT
{
  echo '# Made by generate.sh from the chart and values.yaml: change those. README.md says how to apply it.'
  # Nobody's release: without Helm's own marks.
  "$helm" template llm-gateway ../helm/llm-gateway --namespace ai-hub --values values.yaml 2> >(grep -v 'found symbolic link' >&2) |
    grep -v -e '^# Source: ' -e 'app.kubernetes.io/managed-by: ' -e 'helm.sh/chart: ' |
    sed -e '/^$/d'
} >"$made"
if [ "${1:-}" = --check ]; then
  diff -u llm-gateway.yaml "$made" || { echo 'llm-gateway.yaml is not what the chart makes: run deploy/k8s/generate.sh' >&2; exit 1; }
  echo 'manifests: llm-gateway.yaml is what the chart makes'
else
  cp "$made" llm-gateway.yaml
  chmod 644 llm-gateway.yaml
fi
