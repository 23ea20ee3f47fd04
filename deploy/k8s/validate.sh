#!/usr/bin/env bash
# Checks the manifests against the schemas of Kubernetes, strictly: a misspelt field is an error.
#
#   deploy/k8s/validate.sh [version…]    (1.30.0 1.37.0)
#
# Needs `kubernetes-validate` (pip install kubernetes-validate), on PATH or named by KUBERNETES_VALIDATE.
set -euo pipefail
cd "$(dirname "$0")"
tool=${KUBERNETES_VALIDATE:-kubernetes-validate}
command -v "$tool" >/dev/null || { echo "validate.sh: needs kubernetes-validate (pip install kubernetes-validate)" >&2; exit 1; }

filled=$(mktemp -d)
trap 'rm -rf "$filled"' EXIT
for file in *.yaml; do
  sed -e 's/<location-code>/hfmp/g; s/<sovereign-domain>/example.com/g; s/<org>/acme/g; s/<env>/prod/g' "$file" >"$filled/$file"
  if grep -n '<[a-z-]*>' "$filled/$file"; then echo "validate.sh: $file has a name that README.md does not fill in" >&2; exit 1; fi
done
[ $# -gt 0 ] || set -- 1.30.0 1.37.0
for version in "$@"; do
  "$tool" --strict --quiet -k "$version" "$filled"/*.yaml
  echo "manifests: fit Kubernetes $version"
done
