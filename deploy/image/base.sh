#!/usr/bin/env bash
# Makes stand-ins for the two public base images where no image registry is reached: a Debian tree with the Node
# binary that npm brought, at the path where distroless images keep theirs. Kept in buildah's storage; made once.
#
#   deploy/image/base.sh            prints the two image names
#
# Needs buildah, debootstrap, root, and `npm ci` done. MIRROR: the Debian mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILDAH_ISOLATION=chroot

node=node_modules/node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/bin/node
[ -x "$node" ] || { echo "base.sh: $node is missing: run npm ci first" >&2; exit 1; }
tag=$("$node" -p 'process.versions.node')
base=localhost/llm-gateway-base:$tag
build=localhost/llm-gateway-build-base:$tag

if ! buildah inspect --type image "$base" >/dev/null 2>&1 || ! buildah inspect --type image "$build" >/dev/null 2>&1; then
  work=$(mktemp -d)
  container=
  trap 'rm -rf "$work"; [ -z "$container" ] || buildah rm "$container" >/dev/null' EXIT
  debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" \
    "${MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work"/root/dev/*

  container=$(buildah from scratch)
  buildah add -q "$container" "$work/root" / >/dev/null
  buildah add -q "$container" "$node" /nodejs/bin/node >/dev/null
  buildah config --env PATH=/nodejs/bin:/usr/bin:/bin --user 65532:65532 "$container"
  buildah commit -q "$container" "$base" >/dev/null

  # npm for the build stage, and the certificates by which this machine knows its package registry.
  buildah config --user 0:0 --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/machine.crt "$container"
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  buildah add -q "$container" "$npm" /nodejs/lib/npm >/dev/null
  buildah add -q "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/machine.crt >/dev/null
  buildah run "$container" -- ln -s ../lib/npm/bin/npm-cli.js /nodejs/bin/npm
  buildah commit -q "$container" "$build" >/dev/null
fi
echo "$base $build"
