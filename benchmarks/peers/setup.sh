#!/usr/bin/env bash
# Makes what the peer benchmarks run on; `setup.sh --help` says how.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
peers=${PEERS_DIR:-$PWD/../../build/peers}
python=${PYTHON:-python3.11}
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error PIP_DISABLE_PIP_VERSION_CHECK=1
all_peers="openvino bentoml llamacpp ctranslate2 onnxruntime transformers"
classifier=bert-base-uncased
models=${MODELS:-gpt2 distilgpt2 gpt2-medium $classifier}
llama_cpp_python=0.3.36

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

help() {
  cat <<EOF
usage: setup.sh [PEER...]
Makes the environments and the models of the peers (all: $all_peers), and, as "plot", what draws.
What is there already is kept, so an interrupted set-up goes on where it stopped.
  PEERS_DIR  where everything goes: $peers
  MODELS     of which models: $models
  PYTHON     a Python 3.11 to make the environments with: $python
EOF
}

# quietly COMMAND...: what COMMAND says goes to setup.log; its last words are shown if it fails.
quietly() {
  "$@" >"$peers/setup.log" 2>&1 ||
    { tail -20 "$peers/setup.log" >&2; say "failed ($peers/setup.log has all its words): $*"; return 1; }
}

# make TARGET COMMAND...: makes the file or folder TARGET by COMMAND, whose last argument is where to write.
# TARGET appears when COMMAND has ended well, and is then not made again.
make() {
  local target=$peers/$1; shift
  [ ! -e "$target" ] || return 0
  say "making $target"
  rm -rf "$target.partial"; mkdir -p "$(dirname "$target")"
  quietly "$@" "$target.partial"
  mv "$target.partial" "$target"
}

# environment NAME [BASE]: the virtual environment of requirements-NAME.txt, which also sees the packages of BASE.
environment() {
  local folder=$peers/venvs/$1 base=${2:-}
  ! cmp -s "requirements-$1.txt" "$folder/made-by.txt" || return 0
  say "installing $folder"
  rm -rf "$folder"
  quietly "$python" -m venv "$folder"
  [ -z "$base" ] || echo "$peers"/venvs/"$base"/lib/python*/site-packages \
    >"$(echo "$folder"/lib/python*/site-packages)/$base.pth"
  quietly "$folder/bin/pip" install --no-cache-dir --requirement "requirements-$1.txt"
  cp "requirements-$1.txt" "$folder/made-by.txt"
}

# run PEER PROGRAM ARGUMENTS...: runs a program of the peer's environment.
run() { local bin=$peers/venvs/$1/bin; shift; PATH=$bin:$PATH "$@"; }

make_models() {
  environment torch
  environment transformers torch
  local model
  for model in $models; do
    make "models/$model" run transformers python make_models.py "$model"
  done
}

task() { [ "$1" = "$classifier" ] && echo text-classification || echo text-generation-with-past; }

setup_openvino() {
  environment openvino torch
  local model weights
  for model in $models; do
    for weights in fp32 int8; do
      make "openvino/$weights/$model" run openvino optimum-cli export openvino --model "$peers/models/$model" \
        --task "$(task "$model")" --weight-format "$weights"
    done
  done
}

setup_bentoml() {
  environment bentoml torch
  make bentoml run bentoml python bentoml_service/save_models.py "$peers/models"
}

setup_llamacpp() {
  environment llamacpp torch
  make llama-cpp-python llama_sources
  local sources=$peers/llama-cpp-python model type
  say "compiling llama.cpp in $sources/build"
  quietly cmake -S "$sources/vendor/llama.cpp" -B "$sources/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_TESTS=OFF
  quietly cmake --build "$sources/build" --target llama --parallel "$(nproc)"
  for model in $models; do
    for type in f32 f16 bf16 q8_0; do
      make "gguf/$model-$type.gguf" run llamacpp python "$sources/vendor/llama.cpp/convert_hf_to_gguf.py" \
        "$peers/models/$model" --outtype "$type" --outfile
    done
  done
}

# llama_sources FOLDER: the sources of llama-cpp-python, which bring those of llama.cpp.
llama_sources() {
  mkdir -p "$1"
  run llamacpp pip download --no-deps --no-binary :all: --dest "$1" "llama-cpp-python==$llama_cpp_python"
  tar -xzf "$1"/*.tar.gz -C "$1" --strip-components=1
  rm "$1"/*.tar.gz
}

setup_ctranslate2() {
  environment ctranslate2 torch
  local model
  for model in $models; do
    make "ctranslate2/$model" run ctranslate2 ct2-transformers-converter --model "$peers/models/$model" --output_dir
  done
}

setup_onnxruntime() {
  environment onnxruntime torch
  local model
  for model in $models; do
    make "onnx/fp32/$model" run onnxruntime optimum-cli export onnx --model "$peers/models/$model" \
      --task "$(task "$model")"
    make "onnx/int8/$model" run onnxruntime python quantize_onnx.py "$peers/onnx/fp32/$model"
  done
}

setup_transformers() { :; }  # Made with the models.

setup_plot() { environment plot; }

case ${1:-} in -h|--help) help; exit ;; esac
for peer in "$@"; do
  [[ " $all_peers plot " == *" $peer "* ]] || { help >&2; echo "setup.sh: no such peer: $peer" >&2; exit 1; }
done
make_models
read -ra wanted <<<"${*:-$all_peers}"
for peer in "${wanted[@]}"; do setup_"$peer"; done
say "all is ready in $peers"
