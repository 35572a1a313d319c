#!/usr/bin/env bash
# Runs the CUDA tests and the benchmark on a real GPU, from what gpu-publish.sh made: it builds nothing and needs neither .NET nor a network.
# Writes one file, gpu-check.txt or the one named; ends with 0 if all tests passed, with 69 if the machine lacks what they need, and says what that is. Parts may be named after the file, where a machine is lent for
# minutes: tests, sanitize, bench, peers; all of them if none is.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
report=${1:-gpu-check.txt}
parts=" ${*:2} "
[[ $parts =~ [a-z] ]] || parts=" tests sanitize bench peers "
app=$here/app
[[ -x $app/Engine ]] || {
    echo "There is no app/Engine beside this script. Make the archive with scripts/gpu-publish.sh, and unpack it here." >&2
    exit 64
}

export FUNCTIONAL_CUDA=gpu
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export LD_LIBRARY_PATH=$here/nvrtc${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
XDG_CACHE_HOME=$(mktemp -d)
export XDG_CACHE_HOME
trap 'rm -rf "$XDG_CACHE_HOME"' EXIT
failed=0

part() {
    local name=$1 rc=0
    shift
    echo
    echo "== $name"
    "$@" 2>&1 || rc=$?
    echo "== $name ended with $rc"
    return "$rc"
}

{
    date -u
    nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv 2>/dev/null || echo "There is no nvidia-smi, or it sees no device."
    if ! part "what is there" "$app/Bench" --devices; then
        echo "Nothing was checked: the last line of what is there says what is missing."
        echo "failed: what is missing"
        exit
    fi

    if [[ $parts == *" tests "* ]]; then
        part "libraries, tensor cores and streams on the GPU" "$app/Engine" -class Engine.CudaGpuTests || failed=1
        part "engine on the GPU" "$app/Engine" -class Engine.CudaTests || failed=1
        FUNCTIONAL_CUDA_LIBRARIES=0 part "engine on the GPU, with our own kernels alone" "$app/Engine" -class Engine.CudaTests || failed=1
        part "NVRTC" "$app/Engine" -class Engine.NvrtcTests || failed=1
        part "properties on the GPU" "$app/Properties" -class Properties.CudaLaws -class Properties.DataParallelLaws || failed=1
    fi

    if [[ $parts == *" sanitize "* ]]; then
        if command -v compute-sanitizer >/dev/null; then
            part "memory under compute-sanitizer" compute-sanitizer --error-exitcode 9 "$app/Engine" -class Engine.CudaTests -class Engine.CudaGpuTests || failed=1
            part "races under compute-sanitizer" compute-sanitizer --tool racecheck --error-exitcode 9 "$app/Engine" -class Engine.CudaTests -class Engine.CudaGpuTests || failed=1
        else
            echo "There is no compute-sanitizer: memory and races were not looked at."
        fi
    fi

    if [[ $parts == *" bench "* ]]; then
        part "benchmark" "$app/Bench" --device cuda || failed=1
        FUNCTIONAL_TF32=1 part "benchmark with TF32" "$app/Bench" --device cuda || failed=1
        FUNCTIONAL_CUDA_LIBRARIES=0 part "benchmark with our own kernels alone" "$app/Bench" --device cuda || failed=1
        FUNCTIONAL_CUDA_LIBRARIES=0 FUNCTIONAL_TF32=1 part "benchmark with our own kernels alone and TF32" "$app/Bench" --device cuda || failed=1
    fi

    if [[ $parts != *" peers "* ]]; then
        echo "Peers were not asked for."
    elif python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        # A peer that fails is no failure of ours.
        part "PyTorch" python3 "$here/onDevice.py" || true
    else
        echo "There is no PyTorch with CUDA: nothing to compare with."
    fi

    nvidia-smi || true
    echo
    echo "failed: $failed"
} 2>&1 | tee "$report"

# The pipe's own shell cannot set this one's variable.
grep -q '^failed: what is missing$' "$report" && exit 69
grep -q '^failed: 0$' "$report"
