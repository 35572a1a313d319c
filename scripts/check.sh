#!/usr/bin/env bash
# Runs scripts, all of them unless some are named, at most two at once, and compares what each prints with its //> lines.
# When all are run, the code and output blocks of README and docs are compared with the scripts as well.
set -euo pipefail
cd "$(dirname "$0")/.."

check() {
    local script=$1 work rc=0
    work=$(mktemp -d)
    trap 'rm -rf "$work"' RETURN

    case $script in
        *.cs) dotnet run --configuration Release "$script" >"$work/printed" 2>"$work/errors" || rc=$? ;;
        *) dotnet fsi --quiet --exec "$script" >"$work/printed" 2>"$work/errors" || rc=$? ;;
    esac

    sed -n 's#^ *//> \{0,1\}##p' "$script" >"$work/recorded"

    if [[ $rc -eq 0 && -s $work/recorded ]] &&
        diff -u --label "$script, recorded" --label "$script, printed" "$work/recorded" "$work/printed" >"$work/difference"; then
        echo "ok $script"
    else
        {
            echo "FAILED $script (exit code $rc)"
            cat "$work/errors"
            [[ ! -f $work/difference ]] || cat "$work/difference"
            [[ -s $work/recorded ]] || echo "It records no output: put what it prints into //> lines."
        } >"$work/report"
        cat "$work/report"
        return 1
    fi
}
export -f check

shopt -s nullglob
scripts=("$@")
[[ $# -gt 0 ]] || scripts=(scripts/*.fsx scripts/*.cs)

failed=0
printf '%s\0' "${scripts[@]}" | xargs -0 -P 2 -I{} bash -c 'check "$1"' check {} || failed=1
[[ $# -gt 0 ]] || dotnet fsi --quiet --exec scripts/lib/Docs.fsx || failed=1
exit "$failed"
