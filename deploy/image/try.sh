#!/usr/bin/env bash
# Builds the image and shows that it keeps its promises: it starts as uid 65532 on a read-only root without any
# capability, answers on loopback, writes to /data only, keeps its quota over a restart, and stops on SIGTERM.
#
#   deploy/image/try.sh
#
# Needs Linux, root, buildah, debootstrap and unshare; installs nothing. Container runtimes refuse to run in some
# sandboxes, so the root file system is mounted read-only in a mount namespace of its own, which needs none.
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in buildah debootstrap unshare setpriv npm; do
  command -v "$tool" >/dev/null || { echo "try.sh: \"$tool\" is needed (apt-get install buildah debootstrap)" >&2; exit 1; }
done
export BUILDAH_ISOLATION=chroot

data=$(mktemp -d) papers=$(mktemp -d)
trap 'rm -rf "$data" "$papers"' EXIT
deploy/image/build.sh localhost/llm-gateway:try "$papers"
container=$(buildah from localhost/llm-gateway:try)
trap 'buildah rm "$container" >/dev/null; rm -rf "$data" "$papers"' EXIT
root=$(buildah mount "$container")
chown 65532:65532 "$data"

node_modules/.bin/node deploy/image/try.ts "$root" "$data" "$papers" \
  "$(buildah inspect --type image localhost/llm-gateway:try)"
