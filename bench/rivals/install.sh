#!/usr/bin/env bash
# Installs the gateways that ours is compared with, each at the newest version that the registries can complete. Does
# nothing where they are there already. Needs npm and Python 3.11 with venv; 1.5 GB of disk; about 3 minutes.
#
#   install.sh FOLDER
#
# litellm 1.107 and later ask for a certifi that PyPI's mirror does not carry, claude-code-router 3 for a package that
# is not in npm's registry.
set -euo pipefail
home=$1
portkey=1.15.2 router=2.0.0 claude=2.1.330 litellm=1.106.2
stamp=$home/installed-$portkey-$router-$claude-$litellm
[ -e "$stamp" ] && exit 0
python=$(command -v python3.11 || command -v python3)
rm -rf "$home"
mkdir -p "$home"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$home" \
  "@portkey-ai/gateway@$portkey" "@musistudio/claude-code-router@$router" "@anthropic-ai/claude-code@$claude"
"$python" -m venv "$home/litellm"
"$home/litellm/bin/pip" --disable-pip-version-check --quiet install "litellm[proxy]==$litellm"
touch "$stamp"
