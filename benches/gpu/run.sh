#!/usr/bin/env bash
# Measures radzero on CUDA: run.sh OUT [--device cuda|cpu] [--small]. README.md describes requirements and output.
set -u

usage() {
    echo "usage: run.sh OUT [--device cuda|cpu] [--small]" >&2
    exit 2
}

out='' device=cuda small=()
while [ $# -gt 0 ]; do
    case $1 in
        --device) device=${2:-}; shift ;;
        --small) small=(--small) ;;
        -*) usage ;;
        *) [ -z "$out" ] || usage; out=$1 ;;
    esac
    shift
done
case $device in cuda | cpu) ;; *) usage ;; esac
[ -n "$out" ] || usage

missing=()
for program in radzero encode python3 timeout; do
    command -v "$program" >/dev/null || missing+=("the program $program on PATH")
done
if [ -z "${ORT_DYLIB_PATH:-}" ]; then
    missing+=("ORT_DYLIB_PATH, which names ONNX Runtime's library or its folder")
elif [ ! -e "$ORT_DYLIB_PATH" ]; then
    missing+=("ONNX Runtime: ORT_DYLIB_PATH names $ORT_DYLIB_PATH, which is not there")
fi
if command -v python3 >/dev/null; then
    for package in numpy torch transformers safetensors PIL; do
        python3 -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$package') is None)" ||
            missing+=("the package $package for $(command -v python3)")
    done
fi
if [ ${#missing[@]} -gt 0 ]; then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 2
fi

mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM
# No downloads, and no compiled files are reused or left behind.
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
export TORCHINDUCTOR_CACHE_DIR=$work/inductor TRITON_CACHE_DIR=$work/triton
rm -f "$out/results.json" "$out/steps.txt"
failed=0

# step LIMIT NAME...: runs these measurements in one process, so that PyTorch starts only once.
step() {
    local limit=$1 status begun=${EPOCHREALTIME/,/.} seconds
    shift
    local command=(python3 "$here/measure.py" "$@" --out "$out" --work "$work" --device "$device" ${small[@]+"${small[@]}"})
    echo "== $*"
    timeout -k 5 "$limit" "${command[@]}" >"$work/log" 2>&1
    status=$?
    seconds=$(python3 -c "print(round(${EPOCHREALTIME/,/.} - $begun, 1))")
    {
        echo "== $*"
        echo "${command[*]}"
        tail -n 60 "$work/log" | cut -c 1-600
        echo "-- $seconds s, exit status $status"
    } >>"$out/steps.txt"
    echo "   $seconds s, exit status $status"
    python3 "$here/results.py" "$out" "$*" "$seconds" "$status" "$limit" "$work/log"
    [ "$status" -eq 0 ] || failed=1
}

# The most important measurements come first, in case the run is cut off.
step 60 machine
step 120 checkpoints exports
step 90 doctor verify
step 120 golden correctness
step 180 ceiling speed
step 120 files
step 60 faults
step 60 memory
exit "$failed"
