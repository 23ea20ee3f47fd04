#!/usr/bin/env bash
# Checks the manifest, and what the chart makes of each file in ../helm/llm-gateway/ci, against the schemas of
# Kubernetes, strictly: a misspelt field is an error. Then against the policies of checkov, where it is named.
#
#   deploy/k8s/validate.sh [version…]    (1.30.0 1.37.0)
#
# Needs `helm` and `kubernetes-validate` (pip install kubernetes-validate), on PATH or named by HELM and
# KUBERNETES_VALIDATE; `checkov` where CHECKOV names it.
set -euo pipefail
cd "$(dirname "$0")"
validate=${KUBERNETES_VALIDATE:-kubernetes-validate} helm=${HELM:-helm} chart=../helm/llm-gateway
for tool in "$validate" "$helm"; do
  command -v "$tool" >/dev/null || { echo "validate.sh: needs $tool" >&2; exit 1; }
done

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
HELM=$helm ./generate.sh --check
sed -e 's/<location-code>/hfmp/g; s/<sovereign-domain>/example.com/g; s/<org>/acme/g; s/<env>/prod/g' \
  llm-gateway.yaml >"$made/plain.yaml"
if grep -n '<[a-z-]*>' "$made/plain.yaml"; then echo 'validate.sh: a name that README.md does not fill in' >&2; exit 1; fi
# Helm says of each symbolic link in the chart that it followed it.
quietly() { "$@" 2> >(grep -v 'found symbolic link' >&2); }
for values in "$chart"/ci/*.yaml; do
  quietly "$helm" lint --strict --quiet "$chart" --values "$values"
  quietly "$helm" template gw "$chart" --namespace ai-hub --values "$values" >"$made/$(basename "$values")"
done

# Kinds of operators have no schema in Kubernetes.
kinds='ServiceMonitor|PrometheusRule|HTTPRoute|ExternalSecret'
for file in "$made"/*.yaml; do
  awk -v kinds="^kind: ($kinds)$" 'BEGIN { RS = "---\n" } { skip = 0; n = split($0, line, "\n");
    for (i = 1; i <= n; i++) if (line[i] ~ kinds) skip = 1; if (!skip && $0 ~ /kind:/) printf "---\n%s", $0 }' \
    "$file" >"$file.plain"
  mv "$file.plain" "$file"
done
[ $# -gt 0 ] || set -- 1.30.0 1.37.0
for version in "$@"; do
  "$validate" --strict --quiet -k "$version" "$made"/*.yaml
  echo "manifests: $(cat "$made"/*.yaml | grep -c '^kind:') objects fit Kubernetes $version"
done

if [ -n "${CHECKOV:-}" ]; then
  "$CHECKOV" --directory "$made" --framework kubernetes --config-file ../helm/checkov.yaml
  echo 'manifests: keep the policies of checkov'
fi
