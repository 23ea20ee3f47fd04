#!/usr/bin/env bash
# Installs what the checks need beyond Node and npm, where it is missing: servers that tests start on loopback, the
# tools that build the image, the schemas of Kubernetes.
#
#   .ci/machine.sh BIN_PARENT     puts `kubernetes-validate`, `checkov` and `helm` into BIN_PARENT/bin
set -euo pipefail
parent=$1
validator=1.37.0 policies=3.3.30 helm=v4.3.1

declare -A packages=(
  [redis-server]=redis-server [nginx]=nginx [haproxy]=haproxy [buildah]=buildah [debootstrap]=debootstrap [openssl]=openssl
  [java]=default-jre-headless [mvn]=maven [chromium]=chromium [tmux]=tmux
  [go]=golang-go [promtool]=prometheus [taskset]=util-linux [unshare]=util-linux [setpriv]=util-linux [python3]=python3
)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
# On Debian the module is a package of its own; a Python that was built from source brings it.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

if [ "${#missing[@]}" -gt 0 ]; then
  # Debian starts a server as soon as it is installed; the tests start their own, on ports of their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  echo "installing ${missing[*]}"
  apt-get update -qq
  apt-get install -qq --no-install-recommends "${missing[@]}" >"$parent/apt.log" 2>&1 || { tail -n 30 "$parent/apt.log"; exit 1; }
fi

# Kept between runs: 140 MB of schemas, the policies, and a helm that takes four minutes to build.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/llm-gateway-ci
mkdir -p "$parent/bin"

# python_tool NAME VERSION: a command from PyPI in an environment of its own.
python_tool() {
  local home=$cache/$1-$2
  if [ ! -x "$home/bin/$1" ]; then
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "$1==$2"
  fi
  ln -sf "$home/bin/$1" "$parent/bin/"
}
python_tool kubernetes-validate "$validator"
python_tool checkov "$policies"
if [ ! -x "$cache/helm-$helm/helm" ]; then
  GOBIN=$cache/helm-$helm go install "helm.sh/helm/v4/cmd/helm@$helm"
fi
ln -sf "$cache/helm-$helm/helm" "$parent/bin/"
echo "$(redis-server --version | cut -d' ' -f1-3), $(nginx -v 2>&1), $(buildah --version | cut -d' ' -f1-3)"
