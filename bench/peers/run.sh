#!/usr/bin/env bash
# Builds our side and compares it with PyTorch; arguments go to run.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dotnet build -c Release --nologo -v quiet -clp:ErrorsOnly Peers.fsproj
# The first interpreter that has PyTorch, else any: run.py then says what is missing.
python=python3
for each in $(type -ap python3); do
    if "$each" -c 'import torch' 2>/dev/null; then
        python=$each
        break
    fi
done
exec "$python" run.py "$@"
