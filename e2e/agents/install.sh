#!/usr/bin/env bash
# Makes a Python environment with OpenAI's Agents SDK from PyPI. Does nothing where it is there already.
#
#   install.sh FOLDER      FOLDER/bin/python runs ask.py
set -euo pipefail
home=$1 version=0.24.0
stamp=$home/installed-$version
[ -e "$stamp" ] && exit 0
python=$(command -v python3.11 || command -v python3)
rm -rf "$home"
mkdir -p "$(dirname "$home")"
"$python" -m venv "$home"
"$home/bin/pip" --disable-pip-version-check --quiet install "openai-agents==$version"
touch "$stamp"
