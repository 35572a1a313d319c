#!/usr/bin/env bash
# Makes gpu-check.tar.xz: the tests and the benchmark with their own runtime, NVRTC if this machine has or can fetch it, and gpu-check.sh. Unpack it on a
# machine with an NVIDIA driver and run ./gpu-check.sh there.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/feed.sh
source scripts/nvrtc.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/gpu-check
mkdir -p "$out/nvrtc"

# One folder for all, so that the runtime is there once.
for project in tests/Engine tests/Properties bench; do
    dotnet publish "$project" --configuration Release --runtime linux-x64 --self-contained --nologo -v q -o "$out/app"
done

# The library's own search, so that what is packed is what would be used.
while read -r library; do
    cp -L "$library" "$out/nvrtc/"
done < <(
    for folder in ${CUDA_HOME:+"$CUDA_HOME/lib64" "$CUDA_HOME/lib"} ${LD_LIBRARY_PATH:+${LD_LIBRARY_PATH//:/ }} $(ldconfig -p 2>/dev/null | sed -n 's#.*=> \(.*\)/libnvrtc[.].*#\1#p'); do
        find "$folder" -maxdepth 1 \( -name 'libnvrtc.so.*' -o -name 'libnvrtc-builtins.so.*' \) ! -name '*.so.*.*.*' 2>/dev/null || true
    done | sort -u
)
[[ -n $(ls "$out/nvrtc") ]] || echo "There is no NVRTC on this machine, so that none is packed: the machine with the GPU must have it." >&2
cp scripts/gpu-check.sh bench/onDevice.py "$out/"
XZ_OPT=-T0 tar -C "$work" -cJf gpu-check.tar.xz gpu-check
ls -l gpu-check.tar.xz "$out/nvrtc"
