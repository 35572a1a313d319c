#!/usr/bin/env bash
# Runs scripts and compares what they print with their //> lines.
set -euo pipefail
failed=0
for script in "$@"; do
    if printed=$(dotnet fsi --quiet --exec "$script") &&
        diff <(sed -n 's#^//> \{0,1\}##p' "$script") <(printf '%s\n' "$printed"); then
        echo "ok $script"
    else
        echo "FAILED $script"
        failed=1
    fi
done
exit "$failed"
