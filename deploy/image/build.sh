#!/usr/bin/env bash
# Builds the image without a container daemon, on the bases that base.sh makes.
#
#   deploy/image/build.sh [name [folder]]    (localhost/llm-gateway)
#
# Into the folder, where one is named, go `sbom.cdx.json` (CycloneDX, as in the image) and `provenance.json` (SLSA, in
# toto's envelope-free form), for `cosign attest` by whoever publishes the image.
#
# Where image registries are reached, `docker build .` or `buildah build .` in the project's root does the same on the
# public bases.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILDAH_ISOLATION=chroot

read -r base build <<<"$(deploy/image/base.sh)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || revision=$revision-dirty
name=${1:-localhost/llm-gateway}
buildah bud --build-arg "REVISION=$revision" --build-arg "BASE=$base" --build-arg "BUILD_BASE=$build" -t "$name" . >"$log" 2>&1 ||
  { cat "$log" >&2; exit 1; }

folder=${2:-}
[ -n "$folder" ] || exit 0
container=$(buildah from "$name")
trap 'rm -f "$log"; buildah rm "$container" >/dev/null' EXIT
cp "$(buildah mount "$container")/app/sbom.cdx.json" "$folder/"
digest() { buildah inspect --type image --format '{{.FromImageDigest}}' "$1"; }
node_modules/.bin/node deploy/image/provenance.ts "$name" "$(digest "$name")" "$revision" \
  "$base=$(digest "$base")" "$build=$(digest "$build")" >"$folder/provenance.json"
