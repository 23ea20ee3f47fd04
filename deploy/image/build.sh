#!/usr/bin/env bash
# Builds the image without a container daemon, on the bases that base.sh makes.
#
#   deploy/image/build.sh [name]    (localhost/llm-gateway)
#
# Where image registries are reached, `docker build .` or `buildah build .` in the project's root does the same on the
# public bases.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILDAH_ISOLATION=chroot

read -r base build <<<"$(deploy/image/base.sh)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
buildah bud --build-arg "BASE=$base" --build-arg "BUILD_BASE=$build" -t "${1:-localhost/llm-gateway}" . >"$log" 2>&1 ||
  { cat "$log" >&2; exit 1; }
